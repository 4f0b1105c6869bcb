// The nouns of the page: what the core tells, in plain types. Times are
// milliseconds since 1970 by the core's clock; offsets are bytes from 0.

/** The state of a program in a persistent terminal. */
export type TerminalState = "starting" | "running" | "suspended" | "exited" | "lost";

/** A session attached to a terminal. */
export interface Operator {
	session: string;
	actorName: string;
	surface: string;
	driver: boolean;
}

/** One persistent terminal, as the core lists it. */
export interface Terminal {
	id: string;
	name: string;
	state: TerminalState;
	/** For a person: "running", "exit 0", "signal 9 (killed)". */
	status: string;
	argv: string[];
	cwd: string;
	cols: number;
	rows: number;
	/** Absent while nobody has the keyboard. */
	driver?: Operator;
	operators: Operator[];
	epoch: bigint;
	outputOffset: bigint;
	/** Set when exited; 128 + n for signal n. */
	exitStatus?: number;
	createdAt: number;
	endedAt?: number;
	createdBy: string;
	createdByName: string;
	homeReplica: string;
	pid: number;
	/** Why it is suspended or lost, for a person. */
	reason: string;
}

/** One event of the log, as far as the page shows it. */
export interface EventRecord {
	id: string;
	type: string;
	/** One plain sentence without ids. */
	summary: string;
	/** The name of what it is about. */
	subject: string;
	actorName: string;
	actorId: string;
	surface: string;
	session: string;
	replica: string;
	seq: bigint;
	lamport: bigint;
	parents: string[];
	affected: string[];
	at: number;
	verdict: string;
	/** Facts and body as the core gives them, for Details. */
	facts: unknown;
	body: unknown;
}

/** The core, as the top bar and "me" show it. */
export interface CoreStatus {
	workspaceName: string;
	deviceName: string;
	actorName: string;
	version: string;
	home: string;
	peerId: string;
	/** Not empty when the core takes no writes, with the reason. */
	readOnly: string;
}

/** What went wrong, why, and what to do next. Every failure on a screen is one. */
export interface Fault {
	code: string;
	reason: string;
	message: string;
	mend: string;
}

/** Is the program of this terminal over? */
export function ended(t: Terminal): boolean {
	return t.state === "exited" || t.state === "lost";
}
