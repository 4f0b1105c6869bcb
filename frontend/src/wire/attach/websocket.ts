// The browser's carrier: a WebSocket, one frame a binary message. Who may come
// in is decided by the page's cookie and by the ticket in HELLO.
import { encode, FrameSplitter } from "../../domain/attach/codec";
import type { Carrier } from "./carrier";

/** Makes the carrier for an address like "http://127.0.0.1:7420/api". */
export function webSocketCarrier(api: string): Carrier {
	const url = `${api.replace(/^http/, "ws")}/attach/ws`;
	return (hello, events) => {
		const socket = new WebSocket(url);
		socket.binaryType = "arraybuffer";
		let over = false;
		const end = (why: string) => {
			if (over) return;
			over = true;
			socket.close();
			events.closed(why);
		};
		socket.onopen = () => socket.send(encode(hello));
		socket.onclose = (e) => end(e.reason || "the connection was closed");
		socket.onerror = () => end("the connection failed");
		socket.onmessage = (message) => {
			try {
				const splitter = new FrameSplitter();
				const frames = splitter.push(new Uint8Array(message.data as ArrayBuffer));
				if (splitter.partial || frames.length !== 1) throw new Error("a message is not one frame");
				for (const frame of frames) if (!over) events.frame(frame);
			} catch (error) {
				end(String(error));
			}
		};
		return {
			send(frames) {
				if (socket.readyState !== WebSocket.OPEN) return;
				for (const frame of frames) socket.send(encode(frame));
			},
			close() {
				if (socket.readyState === WebSocket.OPEN) socket.send(encode({ type: "bye" }));
				over = true;
				socket.close();
			},
		};
	};
}
