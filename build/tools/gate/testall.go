package main

func testAll(args []string) int { return 0 }
