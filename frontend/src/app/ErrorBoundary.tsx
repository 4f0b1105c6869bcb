import { Component, type ReactNode } from "react";
import { Button, Empty } from "../ui/primitives";

/** Shows what broke in place of a blank page. Programs are not touched by it. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken?: Error }> {
	override state: { broken?: Error } = {};

	static getDerivedStateFromError(error: unknown) {
		return { broken: error instanceof Error ? error : new Error(String(error)) };
	}

	override render() {
		if (!this.state.broken) return this.props.children;
		return (
			<main className="whole">
				<Empty title="This page stopped working.">
					<p>{this.state.broken.message}. Programs go on; nothing is lost.</p>
					<Button kind="main" onClick={() => location.reload()}>
						Load it again
					</Button>
				</Empty>
			</main>
		);
	}
}
