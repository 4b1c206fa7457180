/* The live page: the latest result of each URL, and the chat. */
"use strict";

const byId = id => document.getElementById(id);
const rows = new Map();

function showResult(result) {
    let row = rows.get(result.url);
    if (row === undefined) {
        row = byId("results").insertRow();
        rows.set(result.url, row);
    }
    const cells = [result.url, result.status === null ? "" : result.status,
        result.error === null ? result.title : result.error.detail,
        result.sha256 === null ? "" : String(result.sha256).slice(0, 12)];
    row.replaceChildren(...cells.map(text => {
        const cell = document.createElement("td");
        cell.textContent = text === null ? "" : text;
        return cell;
    }));
}

function showLine(text, kind) {
    const line = document.createElement("div"), log = byId("log");
    line.textContent = text;
    line.className = kind || "";
    log.append(line);
    while (log.childElementCount > 500) log.firstElementChild.remove();
    log.scrollTop = log.scrollHeight;
}

const hub = new Ringcast();
hub.onstate = state => { byId("state").textContent = state === "open" ? "" : "connecting"; };
hub.on("chat", message => showLine(message.text || "(binary)"),
    {last: 50, ongap: () => showLine("some messages were missed", "gap")});

fetch("results").then(response => response.json()).then(answer => {
    answer.results.forEach(showResult);
    for (const channel of answer.channels)
        hub.on(channel, message => showResult(JSON.parse(message.text)));
});

byId("say").onsubmit = event => {
    const text = byId("text").value;
    event.preventDefault();
    if (text === "") return;
    hub.publish("chat", text).then(() => {
        showLine(text);
        byId("text").value = "";
    }, error => showLine("not sent: " + error.message, "gap"));
};
