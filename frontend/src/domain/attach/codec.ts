// Bytes of the attach protocol. Decoding trusts nothing: a bad length, an
// unknown type, a short or a long payload ends the connection.
import { type ClientFrame, MAX_FRAME, type ShimFrame, type ShimState, TICKET_BYTES, VERSION } from "./frames";

/** A frame that breaks the protocol. The connection that brought it is over. */
export class ProtocolError extends Error {}

const TYPE = {
	hello: 1,
	input: 2,
	resize: 3,
	bye: 4,
	welcome: 16,
	output: 17,
	skipped: 18,
	turn: 19,
	size: 20,
	suspended: 21,
	exit: 22,
	ack: 23,
	refused: 24,
} as const;

const STATES: readonly (ShimState | undefined)[] = [undefined, "running", "suspended", "exited"];
const LENGTH_WORD = 4;

class Writer {
	private at = LENGTH_WORD + 1;
	private readonly out: Uint8Array<ArrayBuffer>;
	private readonly view: DataView;
	constructor(type: number, payload: number) {
		this.out = new Uint8Array(LENGTH_WORD + 1 + payload);
		this.view = new DataView(this.out.buffer);
		this.view.setUint32(0, 1 + payload);
		this.view.setUint8(LENGTH_WORD, type);
	}
	u8(n: number) {
		this.view.setUint8(this.at, n);
		this.at += 1;
		return this;
	}
	u16(n: number) {
		this.view.setUint16(this.at, n);
		this.at += 2;
		return this;
	}
	u64(n: bigint) {
		this.view.setBigUint64(this.at, n);
		this.at += 8;
		return this;
	}
	bytes(b: Uint8Array) {
		this.out.set(b, this.at);
		this.at += b.length;
		return this;
	}
	done(): Uint8Array<ArrayBuffer> {
		return this.out;
	}
}

/** Encodes one frame, its length word included. */
export function encode(frame: ClientFrame): Uint8Array<ArrayBuffer> {
	switch (frame.type) {
		case "hello":
			if (frame.ticket.length !== TICKET_BYTES) throw new ProtocolError("a ticket is 16 bytes");
			return new Writer(TYPE.hello, 2 + 1 + TICKET_BYTES + 16)
				.u16(VERSION)
				.u8(frame.flags)
				.bytes(frame.ticket)
				.u64(frame.from)
				.u64(frame.maxLag)
				.done();
		case "input":
			return new Writer(TYPE.input, 16 + frame.bytes.length)
				.u64(frame.epoch)
				.u64(frame.seq)
				.bytes(frame.bytes)
				.done();
		case "resize":
			return new Writer(TYPE.resize, 12).u64(frame.epoch).u16(frame.cols).u16(frame.rows).done();
		case "bye":
			return new Writer(TYPE.bye, 0).done();
	}
}

const text = new TextDecoder("utf-8", { fatal: true });

class Reader {
	private at = 0;
	private readonly view: DataView;
	constructor(private readonly payload: Uint8Array) {
		this.view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
	}
	private take(n: number): number {
		if (this.at + n > this.payload.length) throw new ProtocolError("a frame ends too early");
		const from = this.at;
		this.at += n;
		return from;
	}
	u8 = () => this.view.getUint8(this.take(1));
	u16 = () => this.view.getUint16(this.take(2));
	u32 = () => this.view.getUint32(this.take(4));
	u64 = () => this.view.getBigUint64(this.take(8));
	flag(): boolean {
		const n = this.u8();
		if (n > 1) throw new ProtocolError("a flag is neither 0 nor 1");
		return n === 1;
	}
	string(): string {
		const length = this.u16();
		const from = this.take(length);
		try {
			return text.decode(this.payload.subarray(from, from + length));
		} catch {
			throw new ProtocolError("a string is not UTF-8");
		}
	}
	rest(): Uint8Array {
		const from = this.at;
		this.at = this.payload.length;
		return this.payload.subarray(from);
	}
	end(): void {
		if (this.at !== this.payload.length) throw new ProtocolError("a frame is longer than its fields");
	}
}

function decodeState(n: number): ShimState {
	const state = STATES[n];
	if (!state) throw new ProtocolError(`state ${n} is unknown`);
	return state;
}

/** Decodes type and payload of one frame from the shim. The bytes are not copied. */
export function decode(body: Uint8Array): ShimFrame {
	if (body.length === 0 || body.length > MAX_FRAME)
		throw new ProtocolError(`a frame of ${body.length} bytes`);
	const r = new Reader(body.subarray(1));
	const frame = decodePayload(body[0] ?? 0, r);
	r.end();
	return frame;
}

function decodePayload(type: number, r: Reader): ShimFrame {
	switch (type) {
		case TYPE.welcome:
			return {
				type: "welcome",
				version: r.u16(),
				state: decodeState(r.u8()),
				epoch: r.u64(),
				driving: r.flag(),
				start: r.u64(),
				end: r.u64(),
				cols: r.u16(),
				rows: r.u16(),
				lastSeq: r.u64(),
				driver: r.string(),
			};
		case TYPE.output:
			return { type: "output", offset: r.u64(), bytes: r.rest() };
		case TYPE.skipped:
			return { type: "skipped", from: r.u64(), to: r.u64() };
		case TYPE.turn:
			return { type: "turn", epoch: r.u64(), driving: r.flag(), driver: r.string() };
		case TYPE.size:
			return { type: "size", cols: r.u16(), rows: r.u16() };
		case TYPE.suspended:
			return { type: "suspended", suspended: r.flag(), reason: r.string() };
		case TYPE.exit:
			return { type: "exit", end: r.u64(), status: r.u32(), signal: r.u32() };
		case TYPE.ack:
			return { type: "ack", seq: r.u64() };
		case TYPE.refused:
			return {
				type: "refused",
				seq: r.u64(),
				epoch: r.u64(),
				code: r.string(),
				message: r.string(),
				driver: r.string(),
			};
		default:
			throw new ProtocolError(`frame type ${type} is unknown`);
	}
}

/** Cuts a stream of bytes, in pieces of any size, into whole frames. */
export class FrameSplitter {
	private held = new Uint8Array(0);

	/** Takes one piece and returns the frames that it completes. */
	push(piece: Uint8Array): ShimFrame[] {
		let bytes = piece;
		if (this.held.length > 0) {
			bytes = new Uint8Array(this.held.length + piece.length);
			bytes.set(this.held);
			bytes.set(piece, this.held.length);
		}
		const frames: ShimFrame[] = [];
		let at = 0;
		while (bytes.length - at >= LENGTH_WORD) {
			const length = new DataView(bytes.buffer, bytes.byteOffset + at, LENGTH_WORD).getUint32(0);
			if (length === 0 || length > MAX_FRAME) throw new ProtocolError(`a frame of ${length} bytes`);
			if (bytes.length - at < LENGTH_WORD + length) break;
			frames.push(decode(bytes.subarray(at + LENGTH_WORD, at + LENGTH_WORD + length)));
			at += LENGTH_WORD + length;
		}
		this.held = bytes.slice(at);
		return frames;
	}

	/** Is a frame begun and not finished? */
	get partial(): boolean {
		return this.held.length > 0;
	}
}

/** The bytes of a ticket given as hexadecimal text. */
export function ticketBytes(hex: string): Uint8Array {
	if (!/^[0-9a-f]{32}$/.test(hex)) throw new ProtocolError("a ticket is 32 lower-case hexadecimal digits");
	return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
