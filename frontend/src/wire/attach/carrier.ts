// What a carrier of the attach protocol is: it moves whole frames in order and
// says once when it is over. It owns no state of the terminal.
import type { ClientFrame, ShimFrame } from "../../domain/attach/frames";

export type Hello = Extract<ClientFrame, { type: "hello" }>;

export interface CarrierEvents {
	frame(frame: ShimFrame): void;
	/** The connection is over; called once, never after close(). */
	closed(why: string): void;
}

export interface Connection {
	send(frames: readonly ClientFrame[]): void;
	/** Reads no more until resume. Absent where the carrier cannot. */
	pause?(): void;
	resume?(): void;
	close(): void;
}

export type Carrier = (hello: Hello, events: CarrierEvents) => Connection;

/** Puts encoded frames into one piece of bytes. */
export function join(pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
	const whole = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
	let at = 0;
	for (const piece of pieces) {
		whole.set(piece, at);
		at += piece.length;
	}
	return whole;
}
