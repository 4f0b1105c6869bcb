// The left column: terminals, a first word to whoever is new, and History.
import { History as HistoryIcon, X } from "lucide-react";
import { useState } from "react";
import { TerminalList } from "../feature/terminals/TerminalList";
import { IconButton } from "../ui/primitives";

const KEY = "atelier.note";
const READ = "read";

export function Sidebar({ history, onHistory }: { history: boolean; onHistory: () => void }) {
	return (
		<div className="sidebar" data-region="sidebar">
			<TerminalList />
			<Note />
			<button
				type="button"
				className="sidebar-page"
				aria-current={history ? "page" : undefined}
				onClick={onHistory}
			>
				<HistoryIcon size={16} strokeWidth={1.5} aria-hidden />
				History
			</button>
		</div>
	);
}

/** Said once: what is different here. Closed, it stays closed. */
function Note() {
	const [shown, setShown] = useState(() => localStorage.getItem(KEY) !== READ);
	if (!shown) return null;
	const close = () => {
		localStorage.setItem(KEY, READ);
		setShown(false);
	};
	return (
		<aside className="note" aria-label="First steps">
			<p>Run anything; closing the window never stops it.</p>
			<p className="note-keys">
				<kbd>Ctrl+Shift+P</kbd> does everything.
			</p>
			<IconButton label="Close this note" onClick={close}>
				<X size={14} strokeWidth={1.5} />
			</IconButton>
		</aside>
	);
}
