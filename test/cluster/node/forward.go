package node

import (
	"io"
	"net"
	"sync"
)

// forward brings connections from the machine's loopback to the API server. The listener was made outside and handed
// in: a socket stays in the network namespace that it was made in, while every new one is made in this one. It returns
// when the listener is closed.
func forward(outside net.Listener, to string) {
	for {
		client, err := outside.Accept()
		if err != nil {
			return
		}
		go relay(client, to)
	}
}

// relay copies both ways between the client and a new connection, until both have ended.
func relay(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { pipe(server, client) })
	both.Go(func() { pipe(client, server) })
	both.Wait()
}

// pipe copies one way and passes the end of the stream on.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	to.Close()
	from.Close()
}
