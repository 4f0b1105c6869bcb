// A pane's link to its terminal, over any carrier: the exact offset and the
// number of the last input written decide where a new connection goes on.
import { ticketBytes } from "../../domain/attach/codec";
import { HELLO_WANTS_OUTPUT, type ShimFrame } from "../../domain/attach/frames";
import { Typing } from "../../domain/attach/typing";
import type { Attachment, Link, LinkEvents, LinkState, Studio } from "../../domain/studio";
import { faultOf } from "../faults";
import type { Carrier, Connection } from "./carrier";
import {
	FIRST_WAIT_MS,
	HELD_BYTES,
	HIGH_WATER,
	LONGEST_WAIT_MS,
	LOW_WATER,
	MAX_LAG,
	TAIL_BYTES,
} from "./limits";

type Welcome = Extract<ShimFrame, { type: "welcome" }>;
type LinkStudio = Pick<Studio, "attach" | "control" | "transcript">;

/** Codes after which the ticket is worth nothing and a new one is asked for. */
const TICKET_OVER = new Set(["unauthenticated", "not_found", "out_of_range"]);

/** See Link. It connects as soon as it is made. */
export class AttachLink implements Link {
	private state: LinkState = {
		phase: "connecting",
		driving: false,
		driver: "",
		suspended: "",
		trouble: "",
		since: Date.now(),
	};
	private attachment: Attachment | undefined;
	private connection: Connection | undefined;
	private typing = new Typing();
	private offset: bigint | undefined;
	private oldUntil = 0n;
	private epoch = 0n;
	private undrawn = 0;
	private paused = false;
	private held: { bytes: Uint8Array; old: boolean }[] = [];
	private heldBytes = 0;
	private dropped = 0n;
	private wasDriving = false;
	private wait = FIRST_WAIT_MS;
	private timer: ReturnType<typeof setTimeout> | undefined;
	private untaken: Uint8Array[] = [];
	private wantedSize: { cols: number; rows: number } | undefined;
	private size = { cols: 0, rows: 0 };
	private over = false;
	private readonly abort = new AbortController();

	/** `fresh`: this page started the program just now, so nobody answered its first queries. */
	constructor(
		private readonly id: string,
		private readonly fresh: boolean,
		private readonly studio: LinkStudio,
		private readonly carrier: Carrier,
		private readonly events: LinkEvents,
	) {
		globalThis.addEventListener?.("pagehide", this.leave);
		void this.connect();
	}

	// A page that is loaded again finds the keyboard free: its word still goes out.
	private readonly leave = () => this.close();

	input(bytes: Uint8Array): void {
		if (this.over || this.state.phase === "ended") return;
		if (this.state.driving) return this.type(bytes);
		if (this.state.driver !== "" && this.state.phase === "live") return;
		this.untaken.push(bytes);
		if (this.state.phase === "live") void this.take().catch((error: unknown) => this.fail(error));
	}

	resize(cols: number, rows: number): void {
		this.wantedSize = { cols, rows };
		if (!this.state.driving || (this.size.cols === cols && this.size.rows === rows)) return;
		this.connection?.send([{ type: "resize", epoch: this.epoch, cols, rows }]);
	}

	drawn(bytes: number): void {
		this.undrawn -= bytes;
		if (!this.paused || this.undrawn > LOW_WATER) return;
		this.paused = false;
		this.release();
		this.connection?.resume?.();
	}

	async take(): Promise<void> {
		if (this.attachment) await this.studio.control(this.id, "take", this.attachment.ticket);
	}

	async handBack(): Promise<void> {
		if (this.attachment) await this.studio.control(this.id, "release", this.attachment.ticket);
	}

	retryNow(anew = false): void {
		if (this.over || this.state.phase !== "broken") return;
		if (anew) this.forgetTicket();
		clearTimeout(this.timer);
		this.wait = FIRST_WAIT_MS;
		void this.connect();
	}

	close(): void {
		if (this.over) return;
		this.over = true;
		globalThis.removeEventListener?.("pagehide", this.leave);
		clearTimeout(this.timer);
		if (this.state.driving) this.handBack().catch(() => undefined); // it may be gone: nothing is lost
		this.connection?.close();
		this.abort.abort();
	}

	private async connect(): Promise<void> {
		try {
			this.attachment ??= await this.studio.attach(this.id);
			if (this.over) return;
			if (this.attachment.ended) await this.replayTranscript(this.attachment);
			else this.open();
		} catch (error) {
			this.broken(faultOf(error).message);
		}
	}

	private open(): void {
		if (!this.attachment || this.over) return;
		const tail = this.attachment.outputOffset > TAIL_BYTES ? this.attachment.outputOffset - TAIL_BYTES : 0n;
		const from = this.offset ?? tail;
		const hello = {
			flags: HELLO_WANTS_OUTPUT,
			ticket: ticketBytes(this.attachment.ticket),
			from,
			maxLag: MAX_LAG,
		};
		const mine: Connection = this.carrier(
			{ type: "hello", ...hello },
			{
				frame: (frame) => this.connection === mine && !this.over && this.heard(frame),
				closed: (why) => this.connection === mine && !this.over && this.broken(why),
			},
		);
		this.connection = mine;
	}

	private heard(frame: ShimFrame): void {
		switch (frame.type) {
			case "welcome":
				return this.welcomed(frame);
			case "output":
				return this.printed(frame.offset, frame.bytes);
			case "skipped":
				this.offset = frame.to;
				return this.skip(frame.to - frame.from);
			case "turn":
				this.epoch = frame.epoch;
				this.set({ driving: frame.driving, driver: frame.driver });
				return this.turned();
			case "size":
				return this.sized(frame.cols, frame.rows);
			case "suspended":
				return this.set({ suspended: frame.suspended ? frame.reason || "paused" : "" });
			case "ack":
				return this.typing.acked(frame.seq);
			case "refused":
				return this.refused(frame.seq, frame.code, frame.message);
			case "exit":
				return this.ended();
		}
	}

	private welcomed(w: Welcome): void {
		this.wait = FIRST_WAIT_MS;
		if (this.offset !== undefined && w.start !== this.offset) this.events.restart(w.start - this.offset);
		const first = this.offset === undefined;
		this.offset = w.start;
		// What was printed before this connection is old, but a program that this
		// page just started has been answered by nobody yet.
		this.oldUntil = first && this.fresh ? 0n : w.end;
		this.epoch = w.epoch;
		this.sized(w.cols, w.rows);
		this.set({ phase: "live", driving: w.driving, driver: w.driver, trouble: "" });
		// The turn of whoever is cut off ends; it is taken again if nobody did meanwhile.
		if (this.wasDriving && !w.driving && w.driver === "") {
			void this.take().catch((error: unknown) => this.fail(error));
		}
		this.wasDriving = false;
		const again = this.typing.resume(w.lastSeq, w.epoch, w.driving);
		if (again.length > 0) this.connection?.send(again);
		this.turned();
	}

	private turned(): void {
		if (!this.state.driving) {
			if (this.state.driver !== "") this.untaken = [];
			else if (this.untaken.length > 0) void this.take().catch((error: unknown) => this.fail(error));
			return;
		}
		const typed = this.untaken;
		this.untaken = [];
		for (const bytes of typed) this.type(bytes);
		if (this.wantedSize) this.resize(this.wantedSize.cols, this.wantedSize.rows);
	}

	private type(bytes: Uint8Array): void {
		const frames = this.typing.push(bytes, this.epoch);
		if (frames) this.connection?.send(frames);
		else this.set({ trouble: "The program does not read what is typed; the last input was not sent" });
	}

	private printed(offset: bigint, bytes: Uint8Array): void {
		const end = offset + BigInt(bytes.length);
		const old = offset >= this.oldUntil ? 0 : Number((end < this.oldUntil ? end : this.oldUntil) - offset);
		this.offset = end;
		if (old > 0) this.show(bytes.subarray(0, old), true);
		if (old < bytes.length) this.show(bytes.subarray(old), false);
	}

	private show(bytes: Uint8Array, old: boolean): void {
		if (this.paused) return this.hold(bytes, old);
		this.undrawn += bytes.length;
		this.events.output(bytes, old);
		if (this.undrawn <= HIGH_WATER) return;
		this.paused = true;
		this.connection?.pause?.();
	}

	// A carrier that cannot be paused goes on bringing output: the newest is kept
	// for the screen, the rest is only in the record.
	private hold(bytes: Uint8Array, old: boolean): void {
		this.held.push({ bytes, old });
		this.heldBytes += bytes.length;
		while (this.heldBytes > HELD_BYTES && this.held.length > 1) {
			const gone = this.held.shift()?.bytes.length ?? 0;
			this.heldBytes -= gone;
			this.dropped += BigInt(gone);
		}
	}

	private skip(bytes: bigint): void {
		if (!this.paused) return this.events.restart(bytes);
		this.dropped += BigInt(this.heldBytes) + bytes;
		this.held = [];
		this.heldBytes = 0;
	}

	private release(): void {
		const { held, dropped } = this;
		this.held = [];
		this.heldBytes = 0;
		this.dropped = 0n;
		if (dropped > 0n) this.events.restart(dropped);
		for (const { bytes, old } of held) this.show(bytes, old);
	}

	private sized(cols: number, rows: number): void {
		this.size = { cols, rows };
		if (cols > 0 && rows > 0) this.events.size(cols, rows);
	}

	private refused(seq: bigint, code: string, message: string): void {
		if (seq > 0n) {
			this.typing.refused(seq);
			return this.set({ trouble: message });
		}
		this.connection?.close();
		this.connection = undefined;
		if (TICKET_OVER.has(code)) this.forgetTicket();
		this.broken(message);
	}

	private forgetTicket(): void {
		this.attachment = undefined;
		this.typing = new Typing();
	}

	private ended(): void {
		this.connection?.close();
		this.connection = undefined;
		this.set({ phase: "ended", driving: false, driver: "", suspended: "", trouble: "" });
	}

	private async replayTranscript(a: Attachment): Promise<void> {
		this.sized(a.cols, a.rows);
		const tail = a.outputOffset > TAIL_BYTES ? a.outputOffset - TAIL_BYTES : 0n;
		// What was shown and is not recorded is gone: beyond the end nothing can be asked for.
		const seen = this.offset ?? tail;
		const from = seen < a.outputOffset ? seen : a.outputOffset;
		for await (const piece of this.studio.transcript(this.id, from, this.abort.signal)) {
			if (this.over) return;
			this.offset = piece.offset + BigInt(piece.bytes.length);
			if (piece.bytes.length > 0) this.events.output(piece.bytes, true);
			if (piece.missing > 0n) this.events.restart(piece.missing);
		}
		this.ended();
	}

	private fail(error: unknown): void {
		this.untaken = [];
		this.set({ trouble: faultOf(error).message });
	}

	private broken(why: string): void {
		if (this.over || this.state.phase === "ended") return;
		this.connection = undefined;
		this.paused = false;
		this.release();
		this.wasDriving ||= this.state.driving;
		this.set({ phase: "broken", driving: false, trouble: why });
		clearTimeout(this.timer);
		this.timer = setTimeout(() => void this.connect(), this.wait);
		this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
	}

	private set(change: Partial<LinkState>): void {
		const phase = change.phase ?? this.state.phase;
		this.state = {
			...this.state,
			...change,
			since: phase === this.state.phase ? this.state.since : Date.now(),
		};
		this.events.changed(this.state);
	}
}
