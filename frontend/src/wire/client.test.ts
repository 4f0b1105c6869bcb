import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { CoreClient } from "./client";
import { Failure } from "./faults";
import { CoreService } from "./gen/atelier/v1/core_pb";
import { ExecutionService } from "./gen/atelier/v1/execution_pb";
import { FaultSchema } from "./gen/atelier/v1/words_pb";
import { placeOf } from "./place";
import { SESSION_HEADER, Session } from "./session";

test("terminals arrive as the page's own nouns, after the first list only what changed", async () => {
	let changes = false;
	const transport = createRouterTransport((router) => {
		router.service(ExecutionService, {
			async *watch(request) {
				changes = request.changes;
				yield { executions: [{ executionId: "x", name: "bash-api", state: "running", exitStatus: 0 }] };
				yield { executions: [{ executionId: "x", name: "bash-api", state: "hovering" }], partial: true };
			},
		});
	});
	const lists = [];
	for await (const list of new CoreClient(transport).watchTerminals(new AbortController().signal))
		lists.push(list);
	expect(changes).toBe(true);
	expect(lists.map((l) => l.partial)).toEqual([false, true]);
	expect(lists[0]?.terminals[0]).toMatchObject({
		id: "x",
		name: "bash-api",
		state: "running",
		exitStatus: 0,
	});
	const reason = 'state "hovering" is newer than this page';
	expect(lists[1]?.terminals[0]).toMatchObject({ state: "lost", reason });
});

test("a terminal starts in a page that is no secure context", async () => {
	const keys: string[] = [];
	const transport = createRouterTransport((router) => {
		router.service(ExecutionService, {
			start(request) {
				keys.push(request.requestKey);
				return { executionId: "x", name: "sh" };
			},
		});
	});
	vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
	const client = new CoreClient(transport);
	for (const name of ["one", "two"]) await client.start({ name, cols: 80, rows: 24 });
	vi.unstubAllGlobals();
	expect(keys.map((k) => k.length)).toEqual([32, 32]);
	expect(keys[0]).not.toBe(keys[1]);
});

test("the core's own words reach the person", async () => {
	const told = {
		code: "not_found",
		reason: "execution_unknown",
		message: "no such terminal",
		mend: "look at the list",
	};
	const transport = createRouterTransport((router) => {
		router.service(ExecutionService, {
			attach() {
				throw new ConnectError("no", Code.NotFound, undefined, [{ desc: FaultSchema, value: told }]);
			},
		});
	});
	const failed = await new CoreClient(transport).attach("x").catch((e: unknown) => e);
	expect(failed).toBeInstanceOf(Failure);
	expect((failed as Failure).fault).toEqual(told);
});

test("every call names the session, which is opened once", async () => {
	const seen: (string | null)[] = [];
	let opened = 0;
	const session = new Session(async () => `s${++opened}`);
	const transport = createRouterTransport(
		(router) => {
			router.service(CoreService, {
				status(_, context) {
					seen.push(context.requestHeader.get(SESSION_HEADER));
					return {};
				},
			});
		},
		{ transport: { interceptors: [session.interceptor()] } },
	);
	const client = new CoreClient(transport);
	await Promise.all([client.status(), client.status()]);
	session.forget();
	await client.status();
	expect(seen).toEqual(["s1", "s1", "s2"]);
});

test("the carrier is chosen by the place", () => {
	expect(placeOf({ protocol: "wails:", origin: "wails://wails", host: "wails" }).carrier).toBe("stream");
	const web = placeOf({ protocol: "http:", origin: "http://127.0.0.1:7420", host: "127.0.0.1:7420" });
	expect(web).toEqual({ surface: "web", api: "http://127.0.0.1:7420/api", carrier: "websocket" });
});
