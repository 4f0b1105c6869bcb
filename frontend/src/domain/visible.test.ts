import { expect, test } from "vitest";
import { visible } from "./visible";

test("control characters become pictures, a tab stays", () => {
	expect(visible("a\tb\u001b[31m\u007f\r")).toBe("a\tb␛[31m␡␍");
});

test("what draws nothing or turns the order is shown by its number", () => {
	expect(visible("rm\u202e/ \u200bx\u{e0041}\u0085")).toBe("rm⟨202E⟩/ ⟨200B⟩x⟨E0041⟩⟨0085⟩");
});

test("words of any script stand as they are", () => {
	for (const text of ["naïve", "שלום", "日本語", "👩🏽", "─│"]) expect(visible(text)).toBe(text);
});
