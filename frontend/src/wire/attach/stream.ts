// The window's carrier: output is the streamed answer to a POST, input is posts
// of its own, one at a time so that their order holds.
import { encode, FrameSplitter } from "../../domain/attach/codec";
import { type ClientFrame, HELLO_WANTS_OUTPUT } from "../../domain/attach/frames";
import { type Carrier, join } from "./carrier";

/** The most frames in one post: an answer must not wait for megabytes to be typed. */
const MAX_POSTED = 32;

type Post = (path: string, body: Uint8Array<ArrayBuffer>, signal: AbortSignal) => Promise<Response>;

/** Posts bytes with the page's session. */
export function poster(api: string, session: () => Promise<string>, header: string): Post {
	return async (path, body, signal) => {
		const answer = await fetch(`${api}${path}`, {
			method: "POST",
			headers: { "Content-Type": "application/octet-stream", [header]: await session() },
			body,
			signal,
			credentials: "same-origin",
			redirect: "error",
		});
		if (!answer.ok) throw new Error(`the core answered ${answer.status}`);
		return answer;
	};
}

/** Makes the carrier over a way to post. */
export function streamCarrier(post: Post): Carrier {
	return (hello, events) => {
		const abort = new AbortController();
		let over = false;
		let paused: Promise<void> | undefined;
		let wake: (() => void) | undefined;
		const end = (why: string) => {
			if (over) return;
			over = true;
			abort.abort();
			events.closed(why);
		};

		const read = async () => {
			const answer = await post("/attach/stream", encode(hello), abort.signal);
			for await (const frame of framesOf(answer, () => paused)) {
				if (over) return;
				events.frame(frame);
			}
			end("the stream ended");
		};
		read().catch((error: unknown) => end(String(error)));

		const mute = { ...hello, flags: hello.flags & ~HELLO_WANTS_OUTPUT };
		let queue: ClientFrame[] = [];
		let posting = false;
		const flush = async () => {
			posting = true;
			while (queue.length > 0 && !over) {
				const some = queue.slice(0, MAX_POSTED);
				queue = queue.slice(MAX_POSTED);
				const answer = await post("/attach/send", join([mute, ...some].map(encode)), abort.signal);
				for await (const frame of framesOf(answer, () => undefined)) {
					if (!over && (frame.type === "ack" || frame.type === "refused")) events.frame(frame);
				}
			}
			posting = false;
		};

		return {
			send(frames) {
				queue.push(...frames);
				if (!posting) flush().catch((error: unknown) => end(String(error)));
			},
			pause() {
				paused ??= new Promise((resolve) => {
					wake = resolve;
				});
			},
			resume() {
				wake?.();
				paused = undefined;
			},
			close() {
				over = true;
				wake?.();
				abort.abort();
			},
		};
	};
}

async function* framesOf(answer: Response, paused: () => Promise<void> | undefined) {
	const reader = answer.body?.getReader();
	if (!reader) throw new Error("an answer without a body");
	const splitter = new FrameSplitter();
	try {
		for (;;) {
			await paused();
			const { done, value } = await reader.read();
			if (done) break;
			yield* splitter.push(value);
		}
		if (splitter.partial) throw new Error("the stream was cut inside a frame");
	} finally {
		reader.cancel().catch(() => undefined); // it may be cut already; there is nothing to mend
	}
}
