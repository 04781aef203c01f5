//go:build tools

// Package dex names the program that .ci/peers builds, so that `go mod tidy` keeps what it needs.
package dex

import _ "github.com/dexidp/dex/cmd/dex"
