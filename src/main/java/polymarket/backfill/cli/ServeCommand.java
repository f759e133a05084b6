package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;

/** Serves the live page. */
@Command(
    name = "serve",
    description = {
      "Serve a page that shows what runs, how fast, and what failed, and that starts and stops"
          + " jobs, until Ctrl-C.",
      "Prints the page's link, which has a token. It listens on 127.0.0.1 only."
    },
    footer = {
      "",
      "Jobs that were started from the page stop with it, as Ctrl-C stops them.",
      "`serve.port` sets the port, SERVE_TOKEN in the environment the token; GET /metrics is for"
          + " Prometheus (docs/SERVE.md)."
    })
final class ServeCommand implements Callable<Integer> {
  @Mixin private Common common;

  @Override
  public Integer call() throws InterruptedException {
    Settings settings = common.settings();
    CountDownLatch end = new CountDownLatch(1);
    Signals.afterwards("the same command serves the page again");
    Signals.handle(end::countDown, new Terminal(false));
    try (ServedPage page = ServedPage.open(settings, common.overrides(), true)) {
      System.out.println("The page is at " + page.link());
      System.out.println("Ctrl-C ends it, and the jobs that were started from it.");
      System.out.flush();
      end.await();
    }
    LastChecks.ready(settings).ifPresent(ready -> System.out.println(verdict(ready)));
    return 0;
  }

  /** The last verdict of ready, in a line. */
  private static String verdict(JsonNode ready) {
    long missed = 0;
    for (JsonNode measure : ready.path("measures")) {
      missed += measure.path("ok").asBoolean() ? 0 : 1;
    }
    return "Is the data ready? "
        + Verdict.summary(missed, ready.path("measures").size())
        + (ready.has("at")
            ? ", at " + Messages.clock(Instant.parse(ready.get("at").asText()).toEpochMilli())
            : "");
  }
}
