import { expect, test } from "vitest";
import { random } from "../random.testing";
import type { ClientFrame } from "./frames";
import { MAX_WAITING, Typing } from "./typing";

type Input = Extract<ClientFrame, { type: "input" }>;

/** The shim's side of rules 6 to 8, as short as it can be said. */
class Shim {
	written: number[] = [];
	lastSeq = 0n;
	epoch = 1n;
	driving = true;
	hear(f: Input): "ack" | "refused" {
		if (f.seq <= this.lastSeq) return "ack";
		if (f.epoch !== this.epoch || !this.driving || f.seq !== this.lastSeq + 1n) return "refused";
		this.written.push(...f.bytes);
		this.lastSeq = f.seq;
		return "ack";
	}
}

test("input survives broken connections: nothing twice, nothing out of order", () => {
	for (let seed = 1; seed <= 400; seed++) {
		const next = random(seed);
		const typing = new Typing();
		const shim = new Shim();
		let line: Input[] = [];
		let typed = 0;
		for (let step = 0; step < 60; step++) {
			const act = next(10);
			if (act < 5) line.push(...(typing.push(Uint8Array.of(typed++ % 256), 1n) ?? []));
			else if (act < 8) {
				const f = line.shift();
				if (f && shim.hear(f) === "ack" && next(2) === 0) typing.acked(f.seq);
			} else line = [...typing.resume(shim.lastSeq, 1n, true)];
		}
		line = [...typing.resume(shim.lastSeq, 1n, true)];
		for (const f of line) expect(shim.hear(f)).toBe("ack");
		expect(shim.written, `seed ${seed}`).toEqual(Array.from({ length: typed }, (_, i) => i % 256));
	}
});

test("after a lost turn, what was typed under it is given up and the numbers go on", () => {
	const typing = new Typing();
	const shim = new Shim();
	const lost = [1, 2, 3].flatMap((b) => typing.push(Uint8Array.of(b), 1n) ?? []);
	shim.epoch = 2n;
	shim.driving = false;
	const answers = lost.map((f) => [f.seq, shim.hear(f)] as const);
	expect(answers.every(([, a]) => a === "refused")).toBe(true);
	typing.refused(answers[0]?.[0] ?? 0n);
	expect(typing.unacknowledged).toBe(0);
	// The keyboard comes back before the other two refusals are heard.
	shim.epoch = 3n;
	shim.driving = true;
	const again = [9, 8, 7].flatMap((b) => typing.push(Uint8Array.of(b), 3n) ?? []);
	typing.refused(2n);
	typing.refused(3n);
	expect(typing.unacknowledged).toBe(3);
	for (const f of again) expect(shim.hear(f)).toBe("ack");
	expect(shim.written).toEqual([9, 8, 7]);
});

test("frames of an old turn are not sent again on a new connection", () => {
	const typing = new Typing();
	typing.push(Uint8Array.of(1), 1n);
	expect(typing.resume(0n, 2n, true)).toEqual([]);
	expect(typing.push(Uint8Array.of(2), 2n)?.[0]?.seq).toBe(1n);
});

test("what waits is bounded", () => {
	const typing = new Typing();
	expect(typing.push(new Uint8Array(MAX_WAITING), 1n)).toBeDefined();
	expect(typing.push(Uint8Array.of(1), 1n)).toBeUndefined();
	typing.acked(1n);
	expect(typing.push(Uint8Array.of(1), 1n)).toBeDefined();
});
