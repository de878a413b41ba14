package main

import (
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

// newEtcdCommand serves one etcd member from --data-dir at --listen. It never compacts: tests read every revision.
func newEtcdCommand() *cobra.Command {
	var dataDir, listen, listenPeer string
	command := &cobra.Command{
		Use:          "etcd",
		SilenceUsage: true,
		RunE:         func(*cobra.Command, []string) error { return serveEtcd(dataDir, listen, listenPeer) },
	}
	command.Flags().StringVar(&dataDir, "data-dir", "", "folder of the data")
	command.Flags().StringVar(&listen, "listen", "", "HOST:PORT for clients")
	command.Flags().StringVar(&listenPeer, "listen-peer", "", "HOST:PORT for peers")
	return command
}

func serveEtcd(dataDir, listen, listenPeer string) error {
	client := url.URL{Scheme: "http", Host: listen}
	peer := url.URL{Scheme: "http", Host: listenPeer}
	config := embed.NewConfig()
	config.Dir = dataDir
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true
	config.QuotaBackendBytes = 8 << 30
	config.ListenClientUrls = []url.URL{client}
	config.AdvertiseClientUrls = []url.URL{client}
	config.ListenPeerUrls = []url.URL{peer}
	config.AdvertisePeerUrls = []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("start etcd at %s: %w", listen, err)
	}
	defer server.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
		return nil
	case err := <-server.Err():
		return err
	}
}
