// Whether 13 to 19 digits, written together or in groups, pass the check every card number passes (Luhn); see notes/screening.py.
const RUN = /\d+(?:[ .\u00a0\u2009\u2010-\u2014-]\d+)*/g;

export function holdsCardNumber(text) {
  return (text.match(RUN) ?? []).some((run) => {
    const groups = run.match(/\d+/g);
    return groups.some((_, start) => groups.some((_, end) => end >= start && isCardNumber(groups.slice(start, end + 1).join(""))));
  });
}

function isCardNumber(digits) {
  if (digits.length < 13 || digits.length > 19 || !/^[2-6]/.test(digits)) return false;
  const doubled = [...digits].reverse().map((digit, place) => digit * (1 + (place % 2)));
  return doubled.reduce((sum, number) => sum + number - 9 * (number > 9), 0) % 10 === 0;
}
