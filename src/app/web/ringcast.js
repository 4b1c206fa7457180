/*
 * A small client of ringcast's JSON subprotocol (docs/protocol.md). It connects again by itself and goes
 * on in each channel where it was.
 *
 *     const hub = new Ringcast();              // or new Ringcast("wss://example.org/")
 *     hub.on("news", message => console.log(message.offset, message.text), {last: 20});
 *     const {offset} = await hub.publish("news", "hello");
 */
"use strict";

class Ringcast {
    constructor(url) {
        const here = location.protocol === "https:" ? "wss://" : "ws://";
        this.url = url || here + location.host + "/";
        this.channels = new Map(); // name: {listeners, last, epoch, offset}
        this.waiting = new Map(); // id of a command: {resolve, reject}
        this.nextId = 1;
        this.pause = 0;
        this.onstate = () => {}; // told "open" or "closed"
        this.connect();
    }

    /* Hears a channel's messages. Options: {last: how many earlier ones, ongap: told of a gap}. */
    on(name, listener, options = {}) {
        let channel = this.channels.get(name);
        if (channel === undefined) {
            channel = {listeners: [], last: options.last || 0, ongap: options.ongap || (() => {})};
            this.channels.set(name, channel);
            if (this.isOpen()) this.subscribe(name, channel);
        }
        channel.listeners.push(listener);
    }

    /* Publishes a text. Resolves to the reply, with the message's offset. */
    async publish(name, text) {
        const reply = await this.command({type: "publish", channel: name, text});
        const channel = this.channels.get(name);
        if (channel !== undefined && channel.epoch === reply.epoch)
            channel.offset = Math.max(channel.offset, reply.offset);
        return reply;
    }

    /* Sends any command; resolves to its reply, or rejects with what is wrong. */
    command(members) {
        if (!this.isOpen()) return Promise.reject(new Error("not connected"));
        const id = this.nextId++;
        this.socket.send(JSON.stringify({...members, id}));
        return new Promise((resolve, reject) => this.waiting.set(id, {resolve, reject}));
    }

    isOpen() {
        return this.socket.readyState === WebSocket.OPEN;
    }

    connect() {
        this.socket = new WebSocket(this.url, "ringcast.v1.json");
        this.socket.onopen = () => {
            this.pause = 0;
            this.onstate("open");
            for (const [name, channel] of this.channels) this.subscribe(name, channel);
        };
        this.socket.onmessage = event => this.receive(JSON.parse(event.data));
        this.socket.onclose = () => this.closed();
    }

    /* A pause that doubles up to half a minute, and some chance, so that not all come back at once. */
    closed() {
        for (const {reject} of this.waiting.values()) reject(new Error("the connection was lost"));
        this.waiting.clear();
        this.onstate("closed");
        this.pause = Math.min(this.pause === 0 ? 500 : this.pause * 2, 30000);
        setTimeout(() => this.connect(), this.pause * (0.5 + Math.random()));
    }

    /* Where it was, if it was there before; else some messages back. */
    async subscribe(name, channel) {
        const place = channel.epoch === undefined ? {last: channel.last}
            : {epoch: channel.epoch, offset: channel.offset};
        try {
            const reply = await this.command({type: "subscribe", channel: name, ...place});
            if (reply.recovered === false) channel.ongap();
        } catch (error) {
            console.warn("ringcast: " + name + ": " + error.message);
        }
    }

    /* The place is taken at once: messages may follow before a promise is resolved. */
    receive(received) {
        const channel = this.channels.get(received.channel);
        if (received.type === "subscribed" && channel !== undefined) {
            channel.epoch = received.epoch;
            channel.offset = received.offset;
        } else if (received.type === "message" && channel !== undefined) {
            channel.offset = received.offset;
            for (const listener of channel.listeners) listener(received);
        } else if (received.type === "skipped" && channel !== undefined) {
            channel.ongap();
        }
        const waiting = this.waiting.get(received.id);
        if (waiting === undefined) return;
        this.waiting.delete(received.id);
        if (received.type === "error") waiting.reject(new Error(received.text));
        else waiting.resolve(received);
    }
}
