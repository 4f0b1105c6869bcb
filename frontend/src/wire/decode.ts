// From the generated messages to the page's own nouns. Nothing above wire/
// knows the generated types.
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { EventRecord, Operator, Terminal, TerminalState } from "../domain/types";
import type {
	Execution as ExecutionMessage,
	Operator as OperatorMessage,
} from "./gen/atelier/v1/execution_pb";
import type { Event as EventMessage } from "./gen/atelier/v1/log_pb";

const STATES: readonly TerminalState[] = ["starting", "running", "suspended", "exited", "lost"];

function millis(t: Timestamp | undefined): number | undefined {
	return t === undefined ? undefined : timestampMs(t);
}

function operator(o: OperatorMessage): Operator {
	return { session: o.session, actorName: o.actorName, surface: o.surface, driver: o.driver };
}

/** Decodes one terminal. A state this page does not know is shown as lost with its word. */
export function terminal(e: ExecutionMessage): Terminal {
	const known = STATES.find((s) => s === e.state);
	const endedAt = millis(e.endedAt);
	return {
		id: e.executionId,
		name: e.name,
		state: known ?? "lost",
		status: e.status,
		argv: e.argvCut ? [...e.argv.slice(0, -1), `${e.argv.at(-1) ?? ""}…`] : e.argv,
		cwd: e.cwd,
		cols: e.cols,
		rows: e.rows,
		...(e.driver ? { driver: operator(e.driver) } : {}),
		operators: e.operators.map(operator),
		epoch: e.epoch,
		outputOffset: e.outputOffset,
		...(e.exitStatus === undefined ? {} : { exitStatus: e.exitStatus }),
		createdAt: millis(e.createdAt) ?? 0,
		...(endedAt === undefined ? {} : { endedAt }),
		createdBy: e.createdBy,
		createdByName: e.createdByName,
		homeReplica: e.homeReplica,
		pid: Number(e.pid),
		reason: known ? e.reason : `state "${e.state}" is newer than this page`,
	};
}

/** Decodes one event. */
export function event(e: EventMessage): EventRecord {
	return {
		id: e.eventId,
		type: e.type,
		summary: e.summary,
		subject: e.subject,
		actorName: e.actorName,
		actorId: e.actorId,
		surface: e.surface,
		session: e.session,
		replica: e.replica,
		seq: e.seq,
		lamport: e.lamport,
		parents: e.parents,
		affected: e.affectedObjects,
		at: millis(e.wallTime) ?? 0,
		verdict: e.verdict,
		facts: e.facts ?? null,
		body: e.body ?? null,
	};
}
