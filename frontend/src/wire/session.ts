// The page's session: opened once, named in a header on every call after.
import type { Interceptor } from "@connectrpc/connect";

/** The header that names the session. */
export const SESSION_HEADER = "Atelier-Session";

/** Opens a session when the first call needs one, and again when the core forgot it. */
export class Session {
	private opening: Promise<string> | undefined;

	constructor(private readonly open: () => Promise<string>) {}

	/** The session's id; concurrent callers share one opening. */
	id(): Promise<string> {
		this.opening ??= this.open().catch((error: unknown) => {
			this.opening = undefined;
			throw error;
		});
		return this.opening;
	}

	/** The next call opens anew. */
	forget(): void {
		this.opening = undefined;
	}

	/** Puts the session on every call but the one that opens it. */
	interceptor(): Interceptor {
		return (next) => async (request) => {
			if (request.method.name !== "OpenSession") request.header.set(SESSION_HEADER, await this.id());
			return next(request);
		};
	}
}
