package polymarket.backfill.sandbox;

import java.io.IOException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Serves the stand-in for the public APIs until it is interrupted. */
@Command(
    name = "sandbox",
    mixinStandardHelpOptions = true,
    description = "Serve a local stand-in for the public APIs on 127.0.0.1 until Ctrl-C.")
public final class SandboxCommand implements Callable<Integer> {
  @Option(
      names = "--port",
      defaultValue = "8900",
      paramLabel = "PORT",
      description = "Port on 127.0.0.1, 0 for any (default: ${DEFAULT-VALUE}).")
  private int port;

  @Option(
      names = "--seed",
      defaultValue = "1",
      paramLabel = "N",
      description = "What everything is made from (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--limits",
      defaultValue = "on",
      paramLabel = "on|off|xN",
      description =
          "Enforce the documented limits, only count, or scale them by N (default:"
              + " ${DEFAULT-VALUE}).")
  private String limits;

  @Option(
      names = {"--conditions", "--markets"},
      defaultValue = "20000",
      paramLabel = "N",
      description = "Markets, each with one condition (default: ${DEFAULT-VALUE}).")
  private int conditions;

  @Option(
      names = "--wallets",
      defaultValue = "2000",
      paramLabel = "N",
      description = "Wallets (default: ${DEFAULT-VALUE}).")
  private int wallets;

  @Option(
      names = "--fills-per-market",
      defaultValue = "30",
      paramLabel = "N",
      description = "Fills a market on average, roughly (default: ${DEFAULT-VALUE}).")
  private int fillsPerMarket;

  @Option(
      names = "--largest-market",
      defaultValue = "3000",
      paramLabel = "N",
      description = "Fills of the largest market, roughly (default: ${DEFAULT-VALUE}).")
  private int largestMarket;

  @Option(
      names = "--now",
      paramLabel = "TIME",
      description =
          "The sandbox's present: a time such as 2026-11-20T00:00:00Z (the default), or 'now'.")
  private String now;

  @Option(
      names = "--block-seconds",
      defaultValue = "2",
      paramLabel = "N",
      description = "Seconds a block; more makes the chain shorter (default: ${DEFAULT-VALUE}).")
  private long blockSeconds;

  @Option(
      names = "--rpc",
      defaultValue = "payg",
      paramLabel = "STYLE",
      description =
          "How the Polygon node limits eth_getLogs: free (10 blocks), payg, infura, quicknode-free,"
              + " quicknode, publicnode (default: ${DEFAULT-VALUE}).")
  private String rpc;

  @Option(
      names = "--rpc-lag",
      defaultValue = "8",
      paramLabel = "BLOCKS",
      description =
          "Blocks by which every third call's node is behind (default: ${DEFAULT-VALUE}).")
  private int rpcLag;

  @Option(
      names = "--latency",
      defaultValue = "0",
      paramLabel = "MS",
      description = "Milliseconds that every answer takes at least (default: ${DEFAULT-VALUE}).")
  private long latency;

  @Option(
      names = "--fault",
      paramLabel = "FAULT",
      description =
          "A fault from the start, as kind=429,source=goldsky,rate=0.05,retryAfter=2; may be"
              + " repeated.")
  private List<String> faults = List.of();

  @Override
  public Integer call() throws InterruptedException {
    String wrong = outOfRange();
    if (wrong != null) {
      return fail(wrong);
    }
    SandboxOptions options =
        new SandboxOptions()
            .port(port)
            .seed(seed)
            .conditions(conditions)
            .wallets(wallets)
            .fillsPerMarket(fillsPerMarket)
            .largestMarketFills(largestMarket)
            .blockSeconds(blockSeconds)
            .latencyMillis(latency)
            .rpc(rpc)
            .rpcLag(rpcLag);
    faults.forEach(options::fault);
    try {
      options.limits(scale(limits));
      if (now != null) {
        options.now(
            now.equals("now")
                ? Instant.now().getEpochSecond()
                : Instant.parse(now).getEpochSecond());
      }
    } catch (DateTimeParseException e) {
      return fail("--now: '" + now + "' is neither 'now' nor a time such as 2026-11-20T00:00:00Z");
    } catch (IllegalArgumentException e) {
      return fail("--limits: '" + limits + "' is none of on, off, x and a number (x10)");
    }
    try (Sandbox sandbox = Sandbox.start(options)) {
      sandbox.measureLateness();
      sandbox.urls().forEach((name, url) -> System.out.printf("%-18s %s%n", name, url));
      System.out.printf(
          "%-18s api key %s, secret %s, passphrase %s, address %s%n",
          "clob account",
          ClobTrades.API_KEY,
          ClobTrades.SECRET,
          ClobTrades.PASSPHRASE,
          sandbox.clobAddress());
      System.out.printf("%-18s token %s%n", "hypersync account", sandbox.hyperSyncToken());
      System.out.printf("%-18s %s%n", "statistics", sandbox.url() + "/_sandbox/stats");
      System.out.println(
          "\n"
              + "In another terminal, these lines let every ./backfill command there ask this"
              + " stand-in:\n\n"
              + exports(sandbox));
      System.out.flush();
      new CountDownLatch(1).await();
    } catch (IllegalArgumentException e) {
      return fail(e.getMessage());
    } catch (IOException e) {
      return fail(
          "port "
              + port
              + " cannot be used ("
              + e.getMessage()
              + "): give another one with --port, or 0 for any");
    }
    return 0;
  }

  /** Lines for a shell that set the sources' URLs, the account and the chain's first block. */
  static String exports(Sandbox sandbox) {
    Map<String, String> settings = new TreeMap<>(sandbox.settings());
    settings.putAll(sandbox.clobAccount());
    settings.put("rpc-logs.from", String.valueOf(sandbox.firstBlock()));
    return settings.entrySet().stream()
        .map(setting -> "export " + variable(setting.getKey()) + "=" + setting.getValue() + "\n")
        .collect(Collectors.joining());
  }

  /** The environment variable that overrides a setting of the program. */
  private static String variable(String setting) {
    return setting.replaceAll("[.-]", "_").toUpperCase(Locale.ROOT);
  }

  private static double scale(String text) {
    return switch (text) {
      case "on" -> 1;
      case "off" -> 0;
      default -> {
        double factor = Double.parseDouble(text.startsWith("x") ? text.substring(1) : "?");
        if (!(factor > 0)) {
          throw new IllegalArgumentException(text);
        }
        yield factor;
      }
    };
  }

  /** What is wrong with a number that was given; null where none is. */
  private String outOfRange() {
    Map<String, Long> given = new TreeMap<>();
    given.put("--latency", latency);
    given.put("--rpc-lag", (long) rpcLag);
    given.put("--fills-per-market", (long) fillsPerMarket);
    given.put("--largest-market", (long) largestMarket);
    given.put("--port", (long) port);
    for (Map.Entry<String, Long> number : given.entrySet()) {
      if (number.getValue() < 0 || number.getKey().equals("--port") && port > 65_535) {
        return number.getKey()
            + " is "
            + number.getValue()
            + "; it takes a whole number of at least 0"
            + (number.getKey().equals("--port") ? " and at most 65535" : "");
      }
    }
    return null;
  }

  private static int fail(String message) {
    System.err.println("sandbox: " + message);
    return 1;
  }
}
