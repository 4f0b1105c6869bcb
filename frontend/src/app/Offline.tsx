// What is said while the core does not answer. The chip is there at once; this
// comes when it takes longer than a restart does.
import { useEffect, useState } from "react";
import { useSelect } from "../ui/desk";
import { CopyButton, Waiting } from "../ui/primitives";

/** A core that was killed is back before this. */
const LONG_MS = 10_000;
const COMMAND = "atelier serve";

/** `served`: the page came from the core itself, and with it went what the page is loaded from. */
export function Offline({ served }: { served: boolean }) {
	const phase = useSelect((s) => s.connection.phase);
	const since = useSelect((s) => s.connection.since);
	const long = useLong(phase === "offline" ? since : undefined);
	if (phase === "connecting") return <Waiting what="Waiting for the core…" />;
	if (!long) return null;
	const clock = new Date(since).toTimeString().slice(0, 5);
	return (
		<div className="calm" role="status">
			<p className="calm-what">The core has not answered since {clock}.</p>
			<p>Your programs go on and are recorded. This page tries again by itself.</p>
			{served ? (
				<>
					<p>If it does not come back, run this where your programs are, and open the address it prints:</p>
					<p className="command">
						<code>{COMMAND}</code>
						<CopyButton text={COMMAND} label="Copy command" />
					</p>
				</>
			) : null}
		</div>
	);
}

function useLong(since: number | undefined): boolean {
	const [long, setLong] = useState(false);
	useEffect(() => {
		if (since === undefined) return setLong(false);
		const timer = setTimeout(() => setLong(true), LONG_MS);
		return () => clearTimeout(timer);
	}, [since]);
	return long && since !== undefined;
}
