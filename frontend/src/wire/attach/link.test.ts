import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ClientFrame, ShimFrame } from "../../domain/attach/frames";
import { random } from "../../domain/random.testing";
import type { Attachment, LinkState } from "../../domain/studio";
import type { CarrierEvents, Hello } from "./carrier";
import { FIRST_WAIT_MS, HELD_BYTES, HIGH_WATER } from "./limits";
import { AttachLink } from "./link";

const TICKET = "000102030405060708090a0b0c0d0e0f";
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (b: readonly Uint8Array[]) => b.map((x) => new TextDecoder().decode(x)).join("");

/** A carrier that the test plays: it sees HELLO and frames, and says what comes back. */
class Line {
	hellos: Hello[] = [];
	sent: ClientFrame[] = [];
	events: CarrierEvents | undefined;
	closed = 0;
	readonly carrier = (hello: Hello, events: CarrierEvents) => {
		this.hellos.push(hello);
		this.events = events;
		return {
			send: (frames: readonly ClientFrame[]) => {
				this.sent.push(...frames);
			},
			close: () => {
				this.closed++;
			},
		};
	};
	say(...frames: ShimFrame[]) {
		for (const f of frames) this.events?.frame(f);
	}
	typed = () => text(this.sent.flatMap((f) => (f.type === "input" ? [f.bytes] : [])));
}

function welcome(change: Partial<Extract<ShimFrame, { type: "welcome" }>> = {}): ShimFrame {
	return {
		type: "welcome",
		version: 1,
		state: "running",
		epoch: 1n,
		driving: true,
		start: 0n,
		end: 0n,
		cols: 96,
		rows: 28,
		lastSeq: 0n,
		driver: "anna",
		...change,
	};
}
const output = (offset: bigint, t: string): ShimFrame => ({ type: "output", offset, bytes: bytes(t) });

async function open(options: { fresh?: boolean; attachment?: Partial<Attachment> } = {}) {
	const line = new Line();
	const old: string[] = [];
	const live: string[] = [];
	const restarts: bigint[] = [];
	let state: LinkState | undefined;
	const control = vi.fn(async () => {});
	const attach = vi.fn(async () => ({
		id: "x",
		ticket: TICKET,
		epoch: 1n,
		outputOffset: 0n,
		cols: 96,
		rows: 28,
		ended: false,
		...options.attachment,
	}));
	const asked: bigint[] = [];
	async function* transcript(_: string, from: bigint) {
		asked.push(from);
		yield { offset: from, bytes: bytes("recorded"), missing: 0n };
	}
	const link = new AttachLink("x", options.fresh ?? false, { attach, control, transcript }, line.carrier, {
		output: (b, isOld) => (isOld ? old : live).push(text([b])),
		restart: (n) => restarts.push(n),
		size: () => {},
		changed: (s) => {
			state = s;
		},
	});
	await vi.advanceTimersByTimeAsync(0);
	return { line, link, old, live, restarts, control, attach, asked, state: () => state };
}

beforeEach(() => {
	vi.useFakeTimers();
});
afterEach(() => {
	vi.useRealTimers();
});

describe("output", () => {
	test("what was printed before the connection is old, to the byte", async () => {
		const { line, old, live } = await open();
		line.say(welcome({ end: 3n }), output(0n, "abcdef"), output(6n, "g"));
		expect([old.join(""), live.join("")]).toEqual(["abc", "defg"]);
	});
	test("a program that this page just started is answered from its first byte", async () => {
		const { line, old, live } = await open({ fresh: true });
		line.say(welcome({ end: 3n }), output(0n, "abc"));
		expect([old.join(""), live.join("")]).toEqual(["", "abc"]);
	});
	test("what was printed while the line was broken is old even then", async () => {
		const { line, old } = await open({ fresh: true });
		line.say(welcome(), output(0n, "abc"));
		line.events?.closed("cut");
		await vi.advanceTimersByTimeAsync(FIRST_WAIT_MS);
		line.say(welcome({ start: 3n, end: 5n }), output(3n, "de"));
		expect(old).toEqual(["de"]);
	});
	test("a broken line goes on from the exact offset, however often it breaks", async () => {
		for (let seed = 1; seed <= 50; seed++) {
			const next = random(seed);
			const recorded = Array.from({ length: 200 }, () => String.fromCharCode(97 + next(26))).join("");
			const { line, old, live, link } = await open();
			let seen = "";
			for (let broken = 0; broken < 12; broken++) {
				let at = Number(line.hellos[line.hellos.length - 1]?.from ?? 0n);
				expect(at).toBe(seen.length);
				line.say(welcome({ start: BigInt(at), end: BigInt(at) }));
				for (let n = next(4); n > 0; n--) {
					const piece = recorded.slice(at, at + 1 + next(9));
					line.say(output(BigInt(at), piece));
					at += piece.length;
				}
				line.events?.closed("cut");
				seen = old.join("") + live.join("");
				await vi.advanceTimersByTimeAsync(10_000);
			}
			expect(recorded.startsWith(seen)).toBe(true);
			link.close();
		}
	});
	test("skipped output begins the screen anew, and the next connection begins after it", async () => {
		const { line, restarts } = await open();
		line.say(welcome(), { type: "skipped", from: 0n, to: 900n }, output(900n, "x"));
		expect(restarts).toEqual([900n]);
		line.events?.closed("cut");
		await vi.advanceTimersByTimeAsync(FIRST_WAIT_MS);
		expect(line.hellos[1]?.from).toBe(901n);
	});
	test("a screen that cannot keep up misses the middle, never the end, and is told how much", async () => {
		const { line, link, live, restarts } = await open();
		line.say(welcome(), { type: "output", offset: 0n, bytes: new Uint8Array(HIGH_WATER + 1) });
		let at = BigInt(HIGH_WATER + 1);
		for (let i = 0; i < 40; i++) {
			line.say({ type: "output", offset: at, bytes: new Uint8Array(1 << 17).fill(97 + (i % 26)) });
			at += BigInt(1 << 17);
		}
		line.say(output(at, "the end"));
		expect(live).toHaveLength(1);
		link.drawn(HIGH_WATER + 1);
		const shown = live.slice(1).join("");
		expect(shown.endsWith("the end")).toBe(true);
		expect(shown.length).toBeLessThanOrEqual(HELD_BYTES);
		expect(restarts).toEqual([BigInt(40 * (1 << 17) + 7 - shown.length)]);
		expect(line.closed).toBe(0);
	});
	test("control: a screen that keeps up misses nothing", async () => {
		const { line, link, restarts } = await open();
		line.say(welcome());
		for (let i = 0; i < 40; i++) {
			line.say({ type: "output", offset: BigInt(i << 17), bytes: new Uint8Array(1 << 17) });
			link.drawn(1 << 17);
		}
		expect(restarts).toEqual([]);
	});
	test("an ended terminal shows its transcript", async () => {
		const { line, old, state } = await open({ attachment: { ended: true } });
		expect(line.hellos).toEqual([]);
		expect(old).toEqual(["recorded"]);
		expect(state()?.phase).toBe("ended");
	});
	test("of an ended terminal nothing is asked for beyond its end", async () => {
		const { line, attach, asked } = await open();
		line.say(welcome(), output(0n, "abcdef"));
		const ended = { ...(await attach()), ended: true, outputOffset: 3n };
		attach.mockImplementation(async () => ended);
		line.say({ type: "refused", seq: 0n, epoch: 0n, code: "out_of_range", message: "no", driver: "" });
		line.events?.closed("cut");
		await vi.advanceTimersByTimeAsync(10_000);
		expect(asked).toEqual([3n]);
	});
});

describe("input", () => {
	test("is numbered under the turn's epoch", async () => {
		const { line, link } = await open();
		line.say(welcome({ epoch: 7n }));
		link.input(bytes("ls"));
		link.input(bytes("\r"));
		expect(line.sent).toMatchObject([
			{ type: "input", epoch: 7n, seq: 1n },
			{ type: "input", epoch: 7n, seq: 2n },
		]);
	});
	test("typed before the line is there is not lost: the first key reaches the program", async () => {
		const { line, link } = await open();
		link.input(bytes("l"));
		line.say(welcome());
		expect(line.typed()).toBe("l");
	});
	test("unacknowledged input is sent again, acknowledged input is not", async () => {
		const { line, link } = await open();
		line.say(welcome());
		link.input(bytes("a"));
		link.input(bytes("b"));
		line.say({ type: "ack", seq: 1n });
		line.events?.closed("cut");
		await vi.advanceTimersByTimeAsync(FIRST_WAIT_MS);
		line.sent = [];
		line.say(welcome({ lastSeq: 1n }));
		expect(line.sent).toMatchObject([{ type: "input", seq: 2n }]);
	});
	test("goes nowhere while somebody else drives", async () => {
		const { line, link, control } = await open();
		line.say(welcome({ driving: false, driver: "ben" }));
		link.input(bytes("rm -rf /"));
		line.say({ type: "turn", epoch: 2n, driving: true, driver: "anna" });
		expect(line.typed()).toBe("");
		expect(control).not.toHaveBeenCalled();
	});
	test("takes the keyboard first while nobody drives", async () => {
		const { line, link, control } = await open();
		line.say(welcome({ driving: false, driver: "" }));
		link.input(bytes("l"));
		expect(control).toHaveBeenCalledWith("x", "take", TICKET);
		line.say({ type: "turn", epoch: 2n, driving: true, driver: "anna" });
		expect(line.sent).toMatchObject([{ type: "input", epoch: 2n, seq: 1n }]);
	});
});

test("after a cut the keyboard is taken again if nobody has it, and left alone if somebody does", async () => {
	for (const [driver, takes] of [
		["", 1],
		["ben", 0],
	] as const) {
		const { line, control } = await open();
		line.say(welcome());
		line.events?.closed("cut");
		await vi.advanceTimersByTimeAsync(FIRST_WAIT_MS);
		line.say(welcome({ driving: false, driver, epoch: 2n }));
		expect(control).toHaveBeenCalledTimes(takes);
	}
});

test("only the driver asks for a size", async () => {
	const { line, link } = await open();
	line.say(welcome({ driving: false, driver: "ben" }));
	link.resize(120, 40);
	expect(line.sent).toEqual([]);
	line.say({ type: "turn", epoch: 2n, driving: true, driver: "anna" });
	expect(line.sent).toMatchObject([{ type: "resize", epoch: 2n, cols: 120, rows: 40 }]);
});

test("a ticket that is worth nothing is asked for anew", async () => {
	const { line, attach } = await open();
	line.say({ type: "refused", seq: 0n, epoch: 0n, code: "unauthenticated", message: "no", driver: "" });
	await vi.advanceTimersByTimeAsync(FIRST_WAIT_MS);
	expect(attach).toHaveBeenCalledTimes(2);
});

test("closing hands the keyboard back and asks for nothing that ends the program", async () => {
	const { line, link, control } = await open();
	line.say(welcome());
	link.close();
	expect(control.mock.calls).toEqual([["x", "release", TICKET]]);
	expect(line.sent).toEqual([]);
	expect(line.closed).toBe(1);
});
