package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.List;

/** How a sandbox is made: every method sets one thing and gives the options back. */
public final class SandboxOptions {
  /** 2026-11-20T00:00:00Z: the sandbox's own present, unless it is set. */
  public static final long DEFAULT_NOW = 1795132800L;

  private int port;
  private long seed = 1;
  private double limits = 1;
  private int conditions = 20_000;
  private int wallets = 2_000;
  private int fillsPerMarket = 30;
  private int largestMarketFills = 3_000;
  private long now = DEFAULT_NOW;
  private long blockSeconds = 2;
  private long latencyMillis;
  private String rpc = "payg";
  private int rpcLag = 8;
  private final List<String> faults = new ArrayList<>();

  /** The port on 127.0.0.1; 0, the default, takes any. */
  public SandboxOptions port(int value) {
    port = value;
    return this;
  }

  /** What everything is made from; 1 by default. */
  public SandboxOptions seed(long value) {
    seed = value;
    return this;
  }

  /** A factor on all documented limits: 1 by default, 0 counts without enforcing. */
  public SandboxOptions limits(double factor) {
    limits = factor;
    return this;
  }

  /** How many markets, each with one condition, there are: 20,000 by default. */
  public SandboxOptions conditions(int value) {
    conditions = value;
    return this;
  }

  /** How many wallets there are: 2,000 by default. */
  public SandboxOptions wallets(int value) {
    wallets = value;
    return this;
  }

  /** Roughly how many fills a market has on average: 30 by default. */
  public SandboxOptions fillsPerMarket(int value) {
    fillsPerMarket = value;
    return this;
  }

  /** Roughly how many fills the largest market has: 3,000 by default. */
  public SandboxOptions largestMarketFills(int value) {
    largestMarketFills = value;
    return this;
  }

  /** The sandbox's present in seconds since the epoch: 2026-11-20 by default. */
  public SandboxOptions now(long epochSeconds) {
    now = epochSeconds;
    return this;
  }

  /** Seconds a block: 2 by default, more for a shorter chain over the same years. */
  public SandboxOptions blockSeconds(long value) {
    blockSeconds = value;
    return this;
  }

  /** How the Polygon node limits eth_getLogs: see {@link Polygon#STYLES}; payg by default. */
  public SandboxOptions rpc(String style) {
    rpc = style;
    return this;
  }

  /** By how many blocks every third call's node is behind the others: 8 by default. */
  public SandboxOptions rpcLag(int blocks) {
    rpcLag = blocks;
    return this;
  }

  /** Milliseconds that every answer takes at least: 0 by default. */
  public SandboxOptions latencyMillis(long value) {
    latencyMillis = value;
    return this;
  }

  /** A fault from the start, as kind=429,source=goldsky,rate=0.05. */
  public SandboxOptions fault(String text) {
    faults.add(text);
    return this;
  }

  int port() {
    return port;
  }

  long seed() {
    return seed;
  }

  double limits() {
    return limits;
  }

  int conditions() {
    return conditions;
  }

  int wallets() {
    return wallets;
  }

  int fillsPerMarket() {
    return fillsPerMarket;
  }

  int largestMarketFills() {
    return largestMarketFills;
  }

  long now() {
    return now;
  }

  long blockSeconds() {
    return blockSeconds;
  }

  long latencyMillis() {
    return latencyMillis;
  }

  String rpc() {
    return rpc;
  }

  int rpcLag() {
    return rpcLag;
  }

  List<String> faults() {
    return faults;
  }

  String json() {
    return new Json.Obj(new StringBuilder())
        .put("seed", seed)
        .raw("limits", String.valueOf(limits))
        .put("conditions", conditions)
        .put("wallets", wallets)
        .put("fills_per_market", fillsPerMarket)
        .put("largest_market", largestMarketFills)
        .put("now", now)
        .put("block_seconds", blockSeconds)
        .put("latency_ms", latencyMillis)
        .put("rpc", rpc)
        .put("rpc_lag", rpcLag)
        .end()
        .toString();
  }
}
