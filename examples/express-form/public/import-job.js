/* Reloads the progress of an import. Only a help: without this script a link does the same. */

/** Between two questions, in milliseconds. */
const PAUSE = 500;

async function follow() {
  const text = await fetch(location.href)
    .then((response) => (response.ok ? response.text() : undefined))
    // No network: the link on the page still works.
    .catch(() => undefined);
  if (text === undefined) return;
  const next = new DOMParser().parseFromString(text, 'text/html');
  const job = next.getElementById('job');
  document.getElementById('job').replaceWith(job);
  document.title = next.title;
  if (job.dataset.state === 'running') setTimeout(follow, PAUSE);
}
setTimeout(follow, PAUSE);
