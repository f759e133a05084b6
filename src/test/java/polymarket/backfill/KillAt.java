package polymarket.backfill;

import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.AsyncCallback;
import org.apache.camel.CamelContext;
import org.apache.camel.CamelContextAware;
import org.apache.camel.Exchange;
import org.apache.camel.NamedNode;
import org.apache.camel.Processor;
import org.apache.camel.model.ToDefinition;
import org.apache.camel.model.ToDynamicDefinition;
import org.apache.camel.spi.InterceptStrategy;
import org.apache.camel.support.processor.DelegateAsyncProcessor;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;

/**
 * Ends the process at once, as kill -9 does, at a step of the routes: {@code
 * -Dbackfill.kill-at=STEP:n} at its n-th time. It is on the tests' class path only and comes into
 * the program with {@code --set camel.beans.killer=#class:polymarket.backfill.KillAt}.
 */
public final class KillAt implements InterceptStrategy, CamelContextAware {

  /** The steps that it knows. */
  public static final String[] STEPS = {
    "before-request",
    "after-request",
    "before-insert",
    "during-insert",
    "after-insert",
    "before-mark",
    "before-request-of-left-out",
    "before-mark-of-left-out",
    "after-request-ahead"
  };

  private final String step;
  private final int time;
  private final AtomicInteger times = new AtomicInteger();
  private CamelContext context;

  public KillAt() {
    String[] parts = System.getProperty("backfill.kill-at", "none").split(":");
    step = parts[0];
    time = parts.length > 1 ? Integer.parseInt(parts[1]) : 1;
  }

  /** Beans of the settings are made too late to be looked for as interceptors. */
  @Override
  public void setCamelContext(CamelContext camelContext) {
    if (context == null) {
      context = camelContext;
      camelContext.getCamelContextExtension().addInterceptStrategy(this);
    }
  }

  @Override
  public CamelContext getCamelContext() {
    return context;
  }

  @Override
  public Processor wrapProcessorInInterceptors(
      CamelContext camelContext, NamedNode definition, Processor target, Processor next) {
    String uri =
        definition instanceof ToDefinition to
            ? to.getUri()
            : definition instanceof ToDynamicDefinition to ? to.getUri() : "";
    String point =
        uri.startsWith("http")
            ? "request"
            : uri.startsWith("clickhouse:")
                ? "insert"
                : uri.startsWith("direct:store") ? "mark" : null;
    if (point == null) {
      return target;
    }
    String before = point.equals("mark") ? "" : "before-" + point;
    String after = point.equals("mark") ? "before-mark" : "after-" + point;
    return new DelegateAsyncProcessor(target) {
      @Override
      public boolean process(Exchange exchange, AsyncCallback callback) {
        reached(before, exchange);
        if (point.equals("insert")) {
          reached("during-insert", exchange);
        }
        return super.process(
            exchange,
            doneSync -> {
              if (!exchange.isFailed()) {
                reached(after, exchange);
              }
              callback.done(doneSync);
            });
      }
    };
  }

  /** While ClickHouse is at the insert that was begun, or at one that waited for it. */
  private static void haltSoon() {
    try {
      Thread.sleep(ThreadLocalRandom.current().nextInt(200));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Runtime.getRuntime().halt(137);
  }

  private void reached(String point, Exchange exchange) {
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    boolean leftOut = batch != null && batch.getKind() == Batch.Kind.REASK;
    boolean ahead = exchange.getProperty(ExchangeProperties.AHEAD, false, Boolean.class);
    if ((point.equals(step)
            || leftOut && (point + "-of-left-out").equals(step)
            || ahead && (point + "-ahead").equals(step))
        && times.incrementAndGet() == time) {
      if (point.startsWith("during-")) {
        new Thread(KillAt::haltSoon, "kill").start();
      } else {
        Runtime.getRuntime().halt(137);
      }
    }
  }
}
