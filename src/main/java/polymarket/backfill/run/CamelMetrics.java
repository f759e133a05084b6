package polymarket.backfill.run;

import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.component.micrometer.MicrometerConstants;
import org.apache.camel.component.micrometer.eventnotifier.MicrometerRouteEventNotifier;
import org.apache.camel.component.micrometer.routepolicy.MicrometerRoutePolicyFactory;
import polymarket.backfill.Daemons;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Share;

/**
 * Camel's own metrics of one run, under the names of camel-micrometer: the exchanges of each route,
 * the time that they took, and how often routes were reloaded. Written every two seconds to a file
 * in the runtime folder, in Prometheus' text format, for the page's {@code /metrics}.
 *
 * <p>The metrics of single endpoints are left out: their labels are addresses, which may have a
 * key.
 */
public final class CamelMetrics implements AutoCloseable {

  /** How the names of the files end. */
  public static final String SUFFIX = ".camel.prom";

  private static final long WRITE_SECONDS = 2;

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final ScheduledExecutorService clock = Daemons.clock("metrics");
  private final Path file;
  private final Messages messages;
  private boolean failed;

  /**
   * @param jobs the names of the run's jobs, which become the label job
   */
  CamelMetrics(Path runtime, List<String> jobs, Share share, Messages messages) {
    this.file = runtime.resolve(String.join("-", jobs) + share.suffix() + SUFFIX);
    this.messages = messages;
    registry
        .config()
        .commonTags(
            "job",
            String.join(" ", jobs),
            "worker",
            share.whole() ? "" : share.worker() + " of " + share.of())
        .meterFilter(
            MeterFilter.deny(id -> id.getName().equals(MicrometerConstants.APP_INFO_METER_NAME)));
  }

  /** Lets a context count, whose routes are not read yet. */
  void observe(CamelContext context) {
    context.getRegistry().bind(MicrometerConstants.METRICS_REGISTRY_NAME, registry);
    MicrometerRoutePolicyFactory routes = new MicrometerRoutePolicyFactory();
    routes.setMeterRegistry(registry);
    context.addRoutePolicyFactory(routes);
    MicrometerRouteEventNotifier reloads = new MicrometerRouteEventNotifier();
    reloads.setMeterRegistry(registry);
    context.getManagementStrategy().addEventNotifier(reloads);
    clock.scheduleWithFixedDelay(this::write, WRITE_SECONDS, WRITE_SECONDS, TimeUnit.SECONDS);
  }

  /** A run goes on without its metrics; it says once that they are missing. */
  private synchronized void write() {
    try {
      Redaction.write(file, registry.scrape());
    } catch (IOException e) {
      if (!failed) {
        failed = true;
        messages.warn("cannot write " + file + ": " + UserError.reason(e));
      }
    }
  }

  /** Writes for the last time, while the routes are still there. */
  @Override
  public void close() {
    clock.shutdownNow();
    write();
  }
}
