import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decode, encode, FrameSplitter, ProtocolError, ticketBytes } from "./codec";
import { type ClientFrame, MAX_FRAME } from "./frames";

interface Vector {
	name: string;
	from: "client" | "shim";
	hex: string;
	frame: Record<string, unknown>;
}

const file = new URL("./testdata/frames.json", import.meta.url);
const vectors = (JSON.parse(readFileSync(file, "utf8")) as { frames: Vector[] }).frames;
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hex = (b: Uint8Array) => Buffer.from(b).toString("hex");

/** Numbers of 64 bits and bytes are text in the file. */
function plain(frame: object): Record<string, unknown> {
	const text = (v: unknown) => (typeof v === "bigint" ? String(v) : v instanceof Uint8Array ? hex(v) : v);
	return Object.fromEntries(Object.entries(frame).map(([k, v]) => [k, text(v)]));
}

function clientFrame(f: Record<string, unknown>): ClientFrame {
	const wide = new Set(["from", "maxLag", "epoch", "seq"]);
	const raw = new Set(["ticket", "bytes"]);
	const value = (k: string, v: unknown) =>
		wide.has(k) ? BigInt(String(v)) : raw.has(k) ? bytes(String(v)) : v;
	return Object.fromEntries(Object.entries(f).map(([k, v]) => [k, value(k, v)])) as unknown as ClientFrame;
}

describe("vectors", () => {
	test.each(vectors.filter((v) => v.from === "client"))("$name is encoded", (v) => {
		expect(hex(encode(clientFrame(v.frame)))).toBe(v.hex);
	});
	test.each(vectors.filter((v) => v.from === "shim"))("$name is decoded", (v) => {
		expect(new FrameSplitter().push(bytes(v.hex)).map(plain)).toEqual([v.frame]);
	});
	test("name every frame that this page sends or hears", () => {
		expect(new Set(vectors.map((v) => v.frame.type)).size).toBe(13);
	});
});

describe("what breaks the protocol is refused", () => {
	const shim = vectors.filter((v) => v.from === "shim");
	test.each(shim)("$name cut short at any byte", (v) => {
		const body = bytes(v.hex).subarray(4);
		const open = v.frame.type === "output" ? 9 : body.length;
		for (let n = 0; n < open; n++)
			expect(() => decode(body.subarray(0, n)), `${n} bytes`).toThrow(ProtocolError);
	});
	test.each(shim.filter((v) => v.frame.type !== "output"))("$name with a byte more", (v) => {
		expect(() => decode(Uint8Array.from([...bytes(v.hex).subarray(4), 0]))).toThrow(ProtocolError);
	});
	test("an unknown type, a client's frame, an empty frame, one too long", () => {
		for (const type of [0, 1, 4, 25, 48, 255])
			expect(() => decode(Uint8Array.of(type))).toThrow(ProtocolError);
		expect(() => new FrameSplitter().push(bytes("00000000"))).toThrow(ProtocolError);
		const tooLong = new Uint8Array(4);
		new DataView(tooLong.buffer).setUint32(0, MAX_FRAME + 1);
		expect(() => new FrameSplitter().push(tooLong)).toThrow(ProtocolError);
	});
	test("a string that is not UTF-8, a flag of 2, a ticket of 3 bytes", () => {
		expect(() => decode(bytes("13000000000000000800 0001ff".replaceAll(" ", "")))).toThrow(ProtocolError);
		expect(() => decode(bytes("130000000000000008020000"))).toThrow(ProtocolError);
		expect(() => ticketBytes("abc")).toThrow(ProtocolError);
	});
});

test("frames come out the same however the bytes are cut", () => {
	const all = vectors.filter((v) => v.from === "shim");
	const whole = bytes(all.map((v) => v.hex).join(""));
	for (let size = 1; size < 64; size++) {
		const splitter = new FrameSplitter();
		const frames = [];
		for (let at = 0; at < whole.length; at += size)
			frames.push(...splitter.push(whole.subarray(at, at + size)));
		expect(frames.map(plain)).toEqual(all.map((v) => v.frame));
		expect(splitter.partial).toBe(false);
	}
});
