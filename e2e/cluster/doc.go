// Package cluster runs Dialtone as it runs in earnest, on one machine and without
// containers, and breaks it:
//
//	three NATS servers, with the nats.conf that is shipped and streams of three replicas
//	PostgreSQL
//	nodes, each with all roles, and processes that are callers alone
//	mock providers, in this process, so that nothing of what they saw is lost
//
// Every connection between two parts goes through a Proxy, which can cut it, hold it or
// swallow what it carries.  Providers and users reach the nodes through a Front, which
// stands for a load balancer.  All listen on loopback; every process ends with this one.
//
// Each Fault knows how to happen, how to prove that it did, and how to heal.
package cluster
