// Where the page runs decides how it reaches the core: in the window there is
// no WebSocket, in a browser there is one.

export interface Place {
	surface: "window" | "web";
	/** Where /api/ lies, without a slash at the end. */
	api: string;
	carrier: "stream" | "websocket";
}

/** Reads the place from the page's address. */
export function placeOf(location: { protocol: string; origin: string; host: string }): Place {
	const inWindow = location.protocol === "wails:" || location.host === "wails.localhost";
	const api = `${inWindow ? "" : location.origin}/api`;
	return { surface: inWindow ? "window" : "web", api, carrier: inWindow ? "stream" : "websocket" };
}
