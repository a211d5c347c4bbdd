// The links of mails: #/reset?token=… and #/confirm-address?token=…

function show() {
  const [name, query = ""] = location.hash.replace(/^#\//, "").split("?");
  const token = new URLSearchParams(query).get("token");
  const wanted = token ? document.querySelector(`section#${CSS.escape(name)} form`) : null;
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = wanted ? !section.contains(wanted) : section.id !== "welcome";
  }
  if (!wanted) return;
  wanted.onsubmit = (event) => {
    event.preventDefault();
    send(wanted, token);
  };
  wanted.querySelector("input, button").focus();
}

async function send(form, token) {
  const button = form.querySelector("button");
  const answer = form.querySelector(".answer");
  answer.textContent = "";
  button.disabled = true;
  try {
    const body = JSON.stringify({ token, ...Object.fromEntries(new FormData(form)) });
    const reply = await fetch(form.dataset.post, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (!reply.ok) {
      const said = await reply.json().catch(() => null);
      answer.textContent = said?.error?.message ?? "The service cannot do this right now; try again soon.";
      return;
    }
    // The token is used up, and has no more business in the history.
    history.replaceState(null, "", location.pathname);
    form.hidden = true;
    form.parentElement.querySelector(".done").hidden = false;
  } catch {
    answer.textContent = "The service cannot be reached; try again soon.";
  } finally {
    button.disabled = false;
  }
}

addEventListener("hashchange", show);
show();
