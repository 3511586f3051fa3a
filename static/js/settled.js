// What follows from a choice in a list waits until the choice is made: whoever types in it changes it with every letter.
const TYPED = 1000;
const CHOSEN = 300;
let timer = 0;
let waiting = null;
let isTyping = false;

function settle(list, wait) {
  clearTimeout(timer);
  waiting = list;
  timer = setTimeout(() => {
    waiting = null;
    list.dispatchEvent(new Event("settled", { bubbles: true }));
  }, wait);
}

document.addEventListener("keydown", ({ key, target }) => {
  isTyping = key.length === 1;
  if (isTyping && target === waiting) settle(target, TYPED);
});
document.addEventListener("pointerdown", () => { isTyping = false; });
document.addEventListener("change", ({ target }) => {
  if (target.matches("select[data-settles]")) settle(target, isTyping ? TYPED : CHOSEN);
});
document.addEventListener("focusout", ({ target }) => {
  if (target === waiting) settle(target, 0);
});
