import { expect, test, vi } from "vitest";
import { HELLO_WANTS_OUTPUT, type ShimFrame } from "../../domain/attach/frames";
import { poster, streamCarrier } from "./stream";

const hello = {
	type: "hello" as const,
	flags: HELLO_WANTS_OUTPUT,
	ticket: new Uint8Array(16),
	from: 0n,
	maxLag: 0n,
};

/** What a link hears when every post is answered like this. */
async function heard(answer: () => Response): Promise<{ frames: ShimFrame[]; closed: string }> {
	vi.stubGlobal("fetch", async () => answer());
	const frames: ShimFrame[] = [];
	const closed = await new Promise<string>((done) => {
		const post = poster("/api", async () => "s", "Atelier-Session");
		streamCarrier(post)(hello, { frame: (f) => frames.push(f), closed: done });
	});
	vi.unstubAllGlobals();
	return { frames, closed };
}

test("what the core refuses comes as a refusal, so that its ticket is forgotten", async () => {
	const body = JSON.stringify({ code: "unauthenticated", message: "this ticket leads nowhere" });
	const { frames } = await heard(() => new Response(body, { status: 401 }));
	expect(frames).toEqual([
		{
			type: "refused",
			seq: 0n,
			epoch: 0n,
			code: "unauthenticated",
			message: "this ticket leads nowhere",
			driver: "",
		},
	]);
});

test("an answer without words still says its status", async () => {
	const { frames, closed } = await heard(() => new Response("<html>", { status: 502 }));
	expect(frames.map((f) => f.type === "refused" && f.code)).toEqual(["unknown"]);
	expect(closed).toContain("502");
});

test("control: a stream that ends is no refusal", async () => {
	const { frames, closed } = await heard(() => new Response(new Uint8Array()));
	expect(frames).toEqual([]);
	expect(closed).toBe("the stream ended");
});
