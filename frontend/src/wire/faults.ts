// Every failure that leaves wire/ is one Failure: what, why, what to do next.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Fault } from "../domain/types";
import { FaultSchema } from "./gen/atelier/v1/words_pb";

/** A Fault as an error that can be thrown. */
export class Failure extends Error {
	constructor(readonly fault: Fault) {
		super(fault.message);
	}
}

const WORDS: Partial<Record<Code, string>> = {
	[Code.Unauthenticated]: "unauthenticated",
	[Code.Unavailable]: "unavailable",
	[Code.NotFound]: "not_found",
	[Code.PermissionDenied]: "permission_denied",
	[Code.FailedPrecondition]: "failed_precondition",
	[Code.Aborted]: "aborted",
	[Code.ResourceExhausted]: "resource_exhausted",
	[Code.InvalidArgument]: "invalid_argument",
	[Code.AlreadyExists]: "already_exists",
	[Code.Canceled]: "canceled",
	[Code.DataLoss]: "data_loss",
};

/** The fault inside any error: the core's own words where it sent them. */
export function faultOf(error: unknown): Fault {
	if (error instanceof Failure) return error.fault;
	const failed = ConnectError.from(error);
	// An interceptor's failure comes wrapped: its own words are the better ones.
	if (failed.cause instanceof Failure) return failed.cause.fault;
	const told = failed.findDetails(FaultSchema)[0];
	if (told?.message) return { code: told.code, reason: told.reason, message: told.message, mend: told.mend };
	if (isNetwork(error, failed)) return offline();
	return {
		code: WORDS[failed.code] ?? "unknown",
		reason: "",
		message: failed.rawMessage || "The core answered with an error it did not explain",
		mend: "Try again; `atelier core logs` shows what the core saw",
	};
}

/** Nothing answered at all. */
export function offline(): Fault {
	return {
		code: "unavailable",
		reason: "core_gone",
		message: "The core does not answer",
		mend: "Programs go on. This page connects again by itself",
	};
}

function isNetwork(error: unknown, failed: ConnectError): boolean {
	return error instanceof TypeError || failed.code === Code.Unavailable || failed.cause instanceof TypeError;
}
