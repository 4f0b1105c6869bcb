// The frames of the attach protocol, version 1, as backend/attach/SPEC.md fixes
// them. All integers are big-endian; offsets count bytes of output from 0.

/** The version that this page speaks. */
export const VERSION = 1;
/** The longest frame after its length word: type and payload. */
export const MAX_FRAME = 262_144;
/** Input is cut into frames of this many bytes, well below MAX_FRAME. */
export const MAX_INPUT = 32_768;
/** A ticket is 16 bytes: 32 hexadecimal digits as text. */
export const TICKET_BYTES = 16;

export const HELLO_WANTS_OUTPUT = 1;
export const HELLO_FROM_END = 2;

export type ClientFrame =
	| { type: "hello"; flags: number; ticket: Uint8Array; from: bigint; maxLag: bigint }
	| { type: "input"; epoch: bigint; seq: bigint; bytes: Uint8Array }
	| { type: "resize"; epoch: bigint; cols: number; rows: number }
	| { type: "bye" };

export type ShimState = "running" | "suspended" | "exited";

export type ShimFrame =
	| {
			type: "welcome";
			version: number;
			state: ShimState;
			epoch: bigint;
			driving: boolean;
			start: bigint;
			end: bigint;
			cols: number;
			rows: number;
			lastSeq: bigint;
			driver: string;
	  }
	| { type: "output"; offset: bigint; bytes: Uint8Array }
	| { type: "skipped"; from: bigint; to: bigint }
	| { type: "turn"; epoch: bigint; driving: boolean; driver: string }
	| { type: "size"; cols: number; rows: number }
	| { type: "suspended"; suspended: boolean; reason: string }
	| { type: "exit"; end: bigint; status: number; signal: number }
	| { type: "ack"; seq: bigint }
	| { type: "refused"; seq: bigint; epoch: bigint; code: string; message: string; driver: string };
