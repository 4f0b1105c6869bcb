// Input of one ticket: numbered from 1, kept until acknowledged, sent again
// after a broken connection and never written twice (SPEC rules 6 and 7).
import { type ClientFrame, MAX_INPUT } from "./frames";

type InputFrame = Extract<ClientFrame, { type: "input" }>;

/** The most input that waits for its acknowledgement; more is refused by push. */
export const MAX_WAITING = 8 << 20; // a pasted file of 8 MiB; more belongs in a file

/** Numbers input and keeps what is not acknowledged. It sends nothing itself. */
export class Typing {
	private waiting: InputFrame[] = [];
	private next = 1n;
	private held = 0;
	// Refusals still to come for frames that were given up with the first refused one.
	private echoes = 0;

	/** Cuts bytes into numbered frames under an epoch. Undefined when too much waits. */
	push(bytes: Uint8Array, epoch: bigint): InputFrame[] | undefined {
		if (this.held + bytes.length > MAX_WAITING) return undefined;
		const frames: InputFrame[] = [];
		for (let at = 0; at < bytes.length; at += MAX_INPUT) {
			frames.push({ type: "input", epoch, seq: this.next++, bytes: bytes.slice(at, at + MAX_INPUT) });
		}
		this.waiting.push(...frames);
		this.held += bytes.length;
		return frames;
	}

	/** Everything up to seq is written. */
	acked(seq: bigint): void {
		while (this.waiting[0] && this.waiting[0].seq <= seq)
			this.held -= this.waiting.shift()?.bytes.length ?? 0;
	}

	/**
	 * A new connection tells the last number written and the epoch now. Returns
	 * what is to be sent again: frames under another epoch were typed under a
	 * turn that is over and are given up.
	 */
	resume(lastSeq: bigint, epoch: bigint, driving: boolean): InputFrame[] {
		this.acked(lastSeq);
		this.echoes = 0;
		if (!driving || this.waiting.some((f) => f.epoch !== epoch)) this.giveUp(lastSeq);
		if (this.waiting.length === 0) this.next = lastSeq + 1n;
		return [...this.waiting];
	}

	/** Input from seq on was refused: nothing from there on was written. */
	refused(seq: bigint): void {
		if (this.echoes > 0) {
			this.echoes -= 1;
			return;
		}
		const before = this.waiting.length;
		const first = this.waiting[0]?.seq;
		if (first === undefined || seq < first) return;
		this.giveUp(seq - 1n);
		this.echoes = before - this.waiting.length - 1;
	}

	/** How many frames wait for their acknowledgement. */
	get unacknowledged(): number {
		return this.waiting.length;
	}

	private giveUp(lastWritten: bigint): void {
		this.waiting = this.waiting.filter((f) => f.seq <= lastWritten);
		this.held = this.waiting.reduce((sum, f) => sum + f.bytes.length, 0);
		this.next = lastWritten + 1n;
	}
}
