import { defineConfig } from "vitest/config";

// End-to-end stories against the real programs in build/bin. They share one
// core, so they run one after another.
export default defineConfig({
	test: {
		include: ["e2e/*.spec.ts"],
		environment: "node",
		fileParallelism: false,
		testTimeout: 90_000,
		hookTimeout: 120_000,
	},
});
