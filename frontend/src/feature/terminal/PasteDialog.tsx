// A paste of several lines into a program that would run each as it comes:
// the lines are shown first.
import { visible } from "../../domain/visible";
import { Button, Dialog } from "../../ui/primitives";

/** Lines shown; more are counted. */
const SHOWN = 200;

export function PasteDialog(props: { text: string; onPaste: () => void; onClose: () => void }) {
	const lines = props.text.replace(/[\r\n]+$/, "").split(/\r\n|\r|\n/);
	const count = lines.length === 1 ? "1 line" : `${lines.length} lines`;
	return (
		<Dialog title={`Paste ${count}?`} onClose={props.onClose} kind="wide">
			<p className="dialog-text">The program runs each line as it comes.</p>
			<pre className="paste-lines">{lines.slice(0, SHOWN).map(visible).join("\n")}</pre>
			{lines.length > SHOWN ? <p className="dialog-text">and {lines.length - SHOWN} more</p> : null}
			<div className="dialog-buttons">
				<Button onClick={props.onClose}>Cancel</Button>
				<Button kind="main" onClick={props.onPaste}>
					Paste
				</Button>
			</div>
		</Dialog>
	);
}
