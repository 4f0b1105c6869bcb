import { expect, test, vi } from "vitest";
import { Failure } from "./faults";
import { exchangeToken } from "./token";

const address = (hash: string) => ({ hash, pathname: "/", search: "" });

test("the secret is posted once and leaves the address before it travels", async () => {
	const steps: string[] = [];
	const post = vi.fn(async (url: string, body: string) => {
		steps.push(`post ${url} ${body}`);
		return { ok: true, status: 204 };
	});
	await exchangeToken(address("#k=s3cret"), (url) => steps.push(`replace ${url}`), post, "http://h/api");
	expect(steps).toEqual(["replace /", 'post http://h/api/token {"token":"s3cret"}']);
});

test("without a secret nothing is asked", async () => {
	const post = vi.fn();
	await exchangeToken(address(""), post, post, "/api");
	expect(post).not.toHaveBeenCalled();
});

test("a used secret is a failure that says what to do, and is gone from the address too", async () => {
	const replace = vi.fn();
	const run = exchangeToken(address("#k=old"), replace, async () => ({ ok: false, status: 401 }), "/api");
	await expect(run).rejects.toSatisfy(
		(e: Failure) =>
			e instanceof Failure &&
			e.fault.mend.includes("atelier serve") &&
			/used before.*core/.test(e.fault.message),
	);
	expect(replace).toHaveBeenCalledWith("/");
});
