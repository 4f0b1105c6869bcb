// The Studio over Connect: one transport, three services, plain types out.
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import type { Attachment, StartOptions, Studio, TerminalList, TranscriptPiece } from "../domain/studio";
import type { CoreStatus, EventRecord } from "../domain/types";
import { event, terminal } from "./decode";
import { Failure, faultOf } from "./faults";
import { CoreService } from "./gen/atelier/v1/core_pb";
import { ExecutionService } from "./gen/atelier/v1/execution_pb";
import { LogService } from "./gen/atelier/v1/log_pb";
import type { Place } from "./place";
import { Session } from "./session";

async function orFault<T>(call: Promise<T>): Promise<T> {
	try {
		return await call;
	} catch (error) {
		throw new Failure(faultOf(error));
	}
}

async function* streamOrFault<A, B>(stream: AsyncIterable<A>, map: (a: A) => B): AsyncIterable<B> {
	try {
		for await (const item of stream) yield map(item);
	} catch (error) {
		throw new Failure(faultOf(error));
	}
}

/**
 * Names one request among all. A page that another machine opens over plain HTTP
 * has getRandomValues and no randomUUID.
 */
function requestKey(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** The page's client of the core. */
export class CoreClient implements Studio {
	private readonly core: Client<typeof CoreService>;
	private readonly executions: Client<typeof ExecutionService>;
	private readonly log: Client<typeof LogService>;

	constructor(transport: Transport) {
		this.core = createClient(CoreService, transport);
		this.executions = createClient(ExecutionService, transport);
		this.log = createClient(LogService, transport);
	}

	async status(signal?: AbortSignal): Promise<CoreStatus> {
		const s = await orFault(this.core.status({}, signal ? { signal } : {}));
		return {
			workspaceName: s.workspaceName,
			deviceName: s.deviceName,
			actorName: s.actorName,
			version: s.version,
			home: s.home,
			peerId: s.peerId,
			readOnly: s.readOnly,
		};
	}

	watchTerminals(signal: AbortSignal): AsyncIterable<TerminalList> {
		const stream = this.executions.watch({ changes: true }, { signal });
		return streamOrFault(stream, (l) => ({ terminals: l.executions.map(terminal), partial: l.partial }));
	}

	watchEvents(newest: number, signal: AbortSignal): AsyncIterable<EventRecord[]> {
		const stream = this.log.list({ follow: true, limit: newest }, { signal });
		return streamOrFault(stream, (part) => part.events.map(event));
	}

	async start(o: StartOptions): Promise<{ id: string; name: string }> {
		const started = await orFault(
			this.executions.start({
				argv: o.argv ?? [],
				cwd: o.cwd ?? "",
				name: o.name ?? "",
				cols: o.cols,
				rows: o.rows,
				loginEnvironment: true,
				requestKey: requestKey(),
			}),
		);
		return { id: started.executionId, name: started.name };
	}

	async attach(id: string): Promise<Attachment> {
		const a = await orFault(this.executions.attach({ execution: id }));
		return {
			id: a.executionId,
			ticket: a.ticket,
			epoch: a.epoch,
			outputOffset: a.outputOffset,
			cols: a.cols,
			rows: a.rows,
			ended: a.ended,
		};
	}

	async control(id: string, action: "take" | "release", ticket: string): Promise<void> {
		await orFault(this.executions.control({ execution: id, action, ticket }));
	}

	async rename(id: string, name: string): Promise<void> {
		await orFault(this.executions.rename({ execution: id, name }));
	}

	async end(id: string, signal: "TERM" | "KILL" | "HUP"): Promise<void> {
		await orFault(this.executions.kill({ execution: id, signal }));
	}

	transcript(id: string, from: bigint, signal: AbortSignal): AsyncIterable<TranscriptPiece> {
		const stream = this.executions.transcript({ execution: id, from }, { signal });
		return streamOrFault(stream, (t) => ({ offset: t.offset, bytes: t.data, missing: t.missing }));
	}
}

/** Builds the client and its session for a place. */
export function connectCore(place: Place): { studio: CoreClient; session: Session } {
	let openSession: () => Promise<string> = () => Promise.reject(new Error("not wired"));
	const session = new Session(() => openSession());
	const transport = createConnectTransport({
		baseUrl: place.api === "/api" ? `${globalThis.location.origin}/api` : place.api,
		useBinaryFormat: true,
		interceptors: [session.interceptor()],
		fetch: (input, init) => fetch(input, { ...init, credentials: "same-origin", redirect: "error" }),
	});
	const core = createClient(CoreService, transport);
	openSession = async () => (await orFault(core.openSession({ surface: place.surface }))).session;
	return { studio: new CoreClient(transport), session };
}
