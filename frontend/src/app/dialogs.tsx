// The two questions that the shell asks about a terminal.
import { useId, useState } from "react";
import type { Fault, Terminal } from "../domain/types";
import { commandLine } from "../domain/words";
import { useDesk } from "../ui/desk";
import { Button, Dialog, FaultNote } from "../ui/primitives";
import { faultOf } from "../wire/faults";

interface AskProps {
	terminal: Terminal;
	onClose: () => void;
}

/** The longest name that the field takes; the core has the last word. */
const NAME_LENGTH = 200;

export function RenameDialog({ terminal, onClose }: AskProps) {
	const desk = useDesk();
	const field = useId();
	const [name, setName] = useState(terminal.name);
	const [fault, setFault] = useState<Fault>();
	const rename = () =>
		desk.studio.rename(terminal.id, name.trim()).then(onClose, (error: unknown) => setFault(faultOf(error)));
	return (
		<Dialog title="Rename terminal" onClose={onClose}>
			<form
				className="form"
				onSubmit={(e) => {
					e.preventDefault();
					if (name.trim() !== "") void rename();
				}}
			>
				<label htmlFor={field}>Name</label>
				<input
					id={field}
					className="input"
					value={name}
					maxLength={NAME_LENGTH}
					autoComplete="off"
					spellCheck={false}
					autoFocus
					onFocus={(e) => e.target.select()}
					onChange={(e) => setName(e.target.value)}
				/>
				{fault ? <FaultNote fault={fault} /> : null}
				<div className="dialog-buttons">
					<Button onClick={onClose}>Cancel</Button>
					<Button kind="main" type="submit" disabled={name.trim() === ""}>
						Rename
					</Button>
				</div>
			</form>
		</Dialog>
	);
}

export function EndDialog({ terminal, onClose }: AskProps) {
	const desk = useDesk();
	const [fault, setFault] = useState<Fault>();
	const [asked, setAsked] = useState(false);
	// A shell at its prompt ignores TERM; a closed line (HUP) is how one is told to go.
	const end = (signal: "HUP" | "KILL") =>
		desk.studio.end(terminal.id, signal).then(
			() => (signal === "KILL" ? onClose() : setAsked(true)),
			(error: unknown) => setFault(faultOf(error)),
		);
	if (terminal.state === "exited" || terminal.state === "lost") {
		return (
			<Dialog title={`${terminal.name} has ended`} onClose={onClose}>
				<p className="dialog-text">What it printed is kept.</p>
				<div className="dialog-buttons">
					<Button kind="main" onClick={onClose}>
						Close
					</Button>
				</div>
			</Dialog>
		);
	}
	return (
		<Dialog title={`End ${terminal.name}?`} onClose={onClose}>
			<p className="dialog-text">
				<code>{commandLine(terminal.argv)}</code> in <code>{terminal.cwd}</code> and what runs in it{" "}
				{asked ? "was asked to end and still runs." : "is asked to end."} What it printed is kept.
			</p>
			{fault ? <FaultNote fault={fault} /> : null}
			<div className="dialog-buttons">
				<Button onClick={onClose}>Keep it running</Button>
				{asked ? (
					<Button kind="danger" onClick={() => void end("KILL")}>
						End it now
					</Button>
				) : (
					<Button kind="danger" onClick={() => void end("HUP")}>
						End program
					</Button>
				)}
			</div>
		</Dialog>
	);
}
