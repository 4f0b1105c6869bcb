import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// One bundle serves the window and the browser. Nothing is inlined: the content
// security policy allows neither inline scripts nor data: fonts.
export default defineConfig({
	plugins: [react()],
	base: "/",
	build: {
		target: "es2022",
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		chunkSizeWarningLimit: 1500,
	},
	server: { proxy: { "/api": { target: process.env.ATELIER_API ?? "http://127.0.0.1:7420", ws: true } } },
	test: {
		include: ["src/**/*.test.{ts,tsx}"],
		environment: "node",
	},
});
