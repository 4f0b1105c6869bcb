// Records for tests, whole and plain.
import type { EventRecord, Terminal } from "./types";

export const AN_ID = "mzxw6ytboi3dgnbvgy3tqojqmfrggzdfmzztembrgm2dknrxha4q";
export const A_PEER = "12D3KooWJ8vvkTmEw3dQQ8xk1MT7z5rKzFv9aB7CdQ2yVh1nP4Lm";

export function aTerminal(change: Partial<Terminal> = {}): Terminal {
	return {
		id: AN_ID,
		name: "bash-api",
		state: "running",
		status: "running",
		argv: ["bash"],
		cwd: "/srv/api",
		cols: 96,
		rows: 28,
		operators: [],
		epoch: 1n,
		outputOffset: 0n,
		createdAt: 1_000,
		createdBy: AN_ID,
		createdByName: "anna",
		homeReplica: A_PEER,
		pid: 42,
		reason: "",
		...change,
	};
}

export function anEvent(change: Partial<EventRecord> = {}): EventRecord {
	return {
		id: AN_ID,
		type: "execution.started",
		summary: "anna started bash-api",
		subject: "bash-api",
		actorName: "anna",
		actorId: AN_ID,
		surface: "web",
		session: AN_ID,
		replica: A_PEER,
		seq: 1n,
		lamport: 1n,
		parents: [AN_ID],
		affected: [],
		at: 1_000,
		verdict: "valid",
		facts: null,
		body: null,
		...change,
	};
}
