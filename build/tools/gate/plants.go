package main

func plants(args []string) (string, []string, error) { return "", nil, nil }
