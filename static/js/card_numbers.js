// Whether 13 to 19 digits, written together or in groups of one line, pass the check every card number passes (Luhn); see console/card_numbers.py.
const RUN = /\d+(?:[ .\u00a0\u2007\u2009\u200b-\u200d\u202f\u2010-\u2014\u2060\u2212\ufeff-]{1,3}\d+)*/g;

export function holdsCardNumber(text) {
  return (text.match(RUN) ?? []).some((run) => {
    const groups = run.match(/\d+/g);
    return groups.some((_, start) => {
      if (!/^[2-6]/.test(groups[start])) return false;
      let digits = "";
      for (let end = start; end < groups.length && digits.length < 19; end += 1) if (isCardNumber(digits += groups[end])) return true;
      return false;
    });
  });
}

// The text with only the last four digits of what may be a card number.
export function masked(text) {
  return text.replace(RUN, (run) => (holdsCardNumber(run) ? run.replace(/\d(?=(?:\D*\d){4})/g, "x") : run));
}

function isCardNumber(digits) {
  if (digits.length < 13 || digits.length > 19) return false;
  const doubled = [...digits].reverse().map((digit, place) => digit * (1 + (place % 2)));
  return doubled.reduce((sum, number) => sum + number - 9 * (number > 9), 0) % 10 === 0;
}
