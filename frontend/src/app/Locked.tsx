// What a browser without a valid link sees.
import type { Fault } from "../domain/types";
import { CopyButton } from "../ui/primitives";

const COMMAND = "atelier serve";

export function Locked({ fault }: { fault?: Fault | undefined }) {
	const used = fault?.reason === "link_used";
	return (
		<main className="whole">
			<div className="empty">
				<p className="empty-title">{used ? "This link cannot be used again." : "This page needs a link."}</p>
				<p>
					{used ? `${fault.message}. ` : "Nobody is let in without one. "}
					Run this on the computer where your programs are, and open the address it prints:
				</p>
				<p className="command">
					<code>{COMMAND}</code>
					<CopyButton text={COMMAND} label="Copy command" />
				</p>
			</div>
		</main>
	);
}
