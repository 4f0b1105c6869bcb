// The one-use secret of `atelier serve`: it comes in the fragment, is exchanged
// by POST for a cookie, and leaves the address bar before anything else happens.
import { Failure } from "./faults";

interface Address {
	hash: string;
	pathname: string;
	search: string;
}

/** The secret in the fragment of an address, if there is one. */
export function secretOf(address: { hash: string }): string | null {
	return new URLSearchParams(address.hash.replace(/^#/, "")).get("k");
}

/**
 * Exchanges the secret in the fragment, if there is one. It is removed from the
 * address in any case. Throws a Failure when the core refuses it.
 */
export async function exchangeToken(
	address: Address,
	replace: (url: string) => void,
	post: (url: string, body: string) => Promise<{ ok: boolean; status: number }>,
	api: string,
): Promise<void> {
	const secret = secretOf(address);
	if (!secret) return;
	replace(address.pathname + address.search);
	const answer = await post(`${api}/token`, JSON.stringify({ token: secret }));
	if (answer.ok) return;
	throw new Failure({
		code: "unauthenticated",
		reason: "link_used",
		message: "This link was used before, is older than ten minutes, or is older than the core that runs now",
		mend: "Run `atelier serve` again and open the address it prints",
	});
}

/** Posts JSON with the page's own cookies. */
export function postJSON(url: string, body: string): Promise<Response> {
	return fetch(url, {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body,
		credentials: "same-origin",
		redirect: "error",
	});
}
