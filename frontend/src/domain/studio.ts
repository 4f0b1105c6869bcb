// What the page asks of the core. wire/ speaks it over HTTP, tests in memory.
import type { CoreStatus, EventRecord, Terminal } from "./types";

/** Admission of this page to one terminal. */
export interface Attachment {
	id: string;
	/** 32 hexadecimal digits; unused when ended. */
	ticket: string;
	/** The epoch to put on input; 0 while somebody else drives. */
	epoch: bigint;
	outputOffset: bigint;
	cols: number;
	rows: number;
	/** There is only a transcript to read. */
	ended: boolean;
}

/** A piece of recorded output. */
export interface TranscriptPiece {
	offset: bigint;
	bytes: Uint8Array;
	/** Bytes from offset on that events name but nobody here has. */
	missing: bigint;
}

/** Where a new program starts. Without argv it is the login shell. */
export interface StartOptions {
	argv?: string[];
	cwd?: string;
	name?: string;
	cols: number;
	rows: number;
}

/** Terminals as the core tells them: all, or those that changed. */
export interface TerminalList {
	terminals: Terminal[];
	/** The rest is as it was told before. */
	partial: boolean;
}

export interface Studio {
	status(signal?: AbortSignal): Promise<CoreStatus>;
	/** The whole list now, and after each change what changed. */
	watchTerminals(signal: AbortSignal): AsyncIterable<TerminalList>;
	/** The newest events, parents first, and then each new one. */
	watchEvents(newest: number, signal: AbortSignal): AsyncIterable<EventRecord[]>;
	start(options: StartOptions): Promise<{ id: string; name: string }>;
	attach(id: string): Promise<Attachment>;
	/** Take or hand back the keyboard for the attachment that holds the ticket. */
	control(id: string, action: "take" | "release", ticket: string): Promise<void>;
	rename(id: string, name: string): Promise<void>;
	/** Ends the program: TERM asks it to, KILL does not ask. */
	end(id: string, signal: "TERM" | "KILL" | "HUP"): Promise<void>;
	transcript(id: string, from: bigint, signal: AbortSignal): AsyncIterable<TranscriptPiece>;
}

/** Who shows a terminal's link, and what it learns from it. */
export interface LinkEvents {
	/** Output in order. `old` bytes were printed before this page could answer them. */
	output(bytes: Uint8Array, old: boolean): void;
	/** Output goes on elsewhere: what was on the screen is no ground for it. */
	restart(skipped: bigint): void;
	size(cols: number, rows: number): void;
	changed(state: LinkState): void;
}

/** How a terminal pane stands to its program. */
export interface LinkState {
	phase: "connecting" | "live" | "broken" | "ended";
	driving: boolean;
	/** The label of who drives; empty while nobody does. */
	driver: string;
	/** Why output is held back, or empty. */
	suspended: string;
	/** Why the last connection ended, or empty. */
	trouble: string;
	/** When this phase began, in milliseconds. */
	since: number;
}

/** One pane's connection to one terminal, over whatever carrier. */
export interface Link {
	/** Types bytes. While nobody drives it takes the keyboard first. */
	input(bytes: Uint8Array): void;
	/** Asks for a size; only the driver's is heard. */
	resize(cols: number, rows: number): void;
	/** So many bytes of output were drawn: more may come. */
	drawn(bytes: number): void;
	take(): Promise<void>;
	handBack(): Promise<void>;
	/** Connects without waiting longer; anew: asks to be admitted again first. */
	retryNow(anew?: boolean): void;
	/** Lets go of the terminal. The program goes on. */
	close(): void;
}

/** Opens links; the carrier is chosen by where the page runs. */
export type OpenLink = (id: string, fresh: boolean, events: LinkEvents) => Link;
