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
		if (!answer.ok) throw await refusalOf(answer);
		return answer;
	};
}

/** A post that the core refused before the shim had it. */
class Refusal extends Error {
	constructor(
		readonly code: string,
		message: string,
	) {
		super(message);
	}
}

async function refusalOf(answer: Response): Promise<Refusal> {
	const said: { code?: string; message?: string } = await answer.json().catch(() => ({}));
	return new Refusal(said.code ?? "unknown", said.message ?? `the core answered ${answer.status}`);
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

		// What the core refuses is told as the shim tells it: a ticket that is worth
		// nothing any more must not be tried again.
		const failed = (error: unknown) => {
			if (!over && error instanceof Refusal) {
				const { code, message } = error;
				events.frame({ type: "refused", seq: 0n, epoch: 0n, code, message, driver: "" });
			}
			end(String(error));
		};

		const read = async () => {
			const answer = await post("/attach/stream", encode(hello), abort.signal);
			for await (const frame of framesOf(answer, () => paused)) {
				if (over) return;
				events.frame(frame);
			}
			end("the stream ended");
		};
		read().catch(failed);

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
				if (!posting) flush().catch(failed);
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
