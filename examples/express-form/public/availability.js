/*
 * Says beside an input, while the user types, whether the value is free. Only a help: without this
 * script, or without an answer, the form says the same when it is sent.
 */

/** Nothing is asked before the user has paused, in milliseconds. */
const PAUSE = 400;

for (const output of document.querySelectorAll('output.availability')) {
  const input = document.getElementById(output.htmlFor.value);
  let timer;
  let question = new AbortController();

  input.addEventListener('input', () => {
    clearTimeout(timer);
    // An answer that is still under way is about another text.
    question.abort();
    show('', '');
    if (input.checkValidity()) timer = setTimeout(ask, PAUSE);
  });

  async function ask() {
    const { signal } = (question = new AbortController());
    const query = new URLSearchParams({ [input.name]: input.value });
    const answer = await fetch(`/api/availability?${query}`, { signal })
      .then((response) => (response.ok ? response.json() : undefined))
      // No network, or no longer asked: then there is nothing to say.
      .catch(() => undefined);
    if (answer === undefined || signal.aborted) return;
    if (answer.available) {
      dropRefusal();
      show('free', 'This is still free');
    } else show('taken', answer.message);
  }

  /** What the server said of the text that was sent before would contradict what is said of this one. */
  function dropRefusal() {
    document.getElementById(`${output.htmlFor.value}-error`)?.remove();
    document.querySelector(`.summary a[href="#${output.htmlFor.value}"]`)?.closest('li').remove();
    // A heading over no problem would be one more.
    document.querySelector('.summary:not(:has(li))')?.remove();
    input.removeAttribute('aria-describedby');
    input.removeAttribute('aria-invalid');
  }

  function show(state, text) {
    output.dataset.state = state;
    output.textContent = text;
  }
}
