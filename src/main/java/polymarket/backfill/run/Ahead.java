package polymarket.backfill.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import org.apache.camel.ProducerTemplate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.Daemons;
import polymarket.backfill.Stop;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.StepTimes.Step;
import polymarket.backfill.source.Retry;

/**
 * The bean {@code ahead} of the route that asks for pages: asks for the next pages of a list as
 * soon as their cursor is known, while those before them are being stored. They are stored and
 * marked in their order all the same: a batch goes on to a page only when it takes it.
 */
public final class Ahead {

  /** Pages of a list that have arrived and wait to be stored. */
  private static final int PAGES = 2;

  private static final Logger LOG = LoggerFactory.getLogger("backfill.ahead");

  private final Map<String, Job> jobs;
  private final Stop stop;
  private final ExecutorService threads = Executors.newCachedThreadPool(Daemons.named("reader"));
  private ProducerTemplate template;

  /** A page that has arrived, and the batch behind it. */
  private record Page(BatchWork batch, List<Map<String, Object>> rows) {}

  Ahead(Map<String, Job> jobs, Stop stop) {
    this.jobs = jobs;
    this.stop = stop;
  }

  /** One for all requests of the routes that this bean is in. */
  private synchronized ProducerTemplate template(CamelContext context) {
    if (template == null) {
      template = context.createProducerTemplate();
    }
    return template;
  }

  /** Reads a list page by page, one request at a time, as long as there is room. */
  private final class Reader {

    private final ProducerTemplate caller;
    private final Deque<Page> arrived = new ArrayDeque<>();
    private BatchWork last;
    private boolean asking;
    private boolean failed;

    Reader(ProducerTemplate caller, BatchWork batch) {
      this.caller = caller;
      this.last = batch;
      goOn();
    }

    private synchronized void goOn() {
      if (asking || failed || arrived.size() >= PAGES || !last.isMore() || stop.asked()) {
        return;
      }
      BatchWork next = last.ahead();
      asking = true;
      threads.execute(() -> ask(next));
    }

    @SuppressWarnings("unchecked")
    private void ask(BatchWork next) {
      List<Map<String, Object>> rows = null;
      try {
        Exchange exchange =
            caller.request(
                "direct:" + next.getJob() + "-ask",
                to -> {
                  to.setProperty(BatchWork.PROPERTY, next);
                  to.setProperty(ExchangeProperties.AHEAD, true);
                });
        rows = exchange.getMessage().getBody(List.class);
        if (exchange.getException() != null) {
          // the batch asks for this page itself when it comes to it, and that is retried
          rows = null;
          LOG.debug("{}: {}", next, Retry.reason(exchange.getException()));
        }
      } catch (RuntimeException e) {
        LOG.debug("{}: {}", next, Retry.reason(e));
      } finally {
        arrived(next, rows);
      }
    }

    private synchronized void arrived(BatchWork next, List<Map<String, Object>> rows) {
      asking = false;
      if (rows == null) {
        failed = true;
      } else {
        arrived.add(new Page(next, rows));
        last = next;
        goOn();
      }
      notifyAll();
    }

    /** The next page; null if it has to be asked for. */
    synchronized Page take() throws InterruptedException {
      while (arrived.isEmpty() && asking) {
        wait();
      }
      Page page = arrived.poll();
      goOn();
      return page;
    }
  }

  /**
   * Takes the batch's next page, if it was asked for ahead: its rows become the body. Sets the
   * property {@value ExchangeProperties#ARRIVED}.
   */
  public void take(Exchange exchange, @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch)
      throws InterruptedException {
    Reader reader = exchange.getProperty(ExchangeProperties.READER, Reader.class);
    Page page = null;
    if (reader != null) {
      batch.enter(Step.REQUEST);
      page = reader.take();
      batch.enter(null);
    }
    exchange.setProperty(ExchangeProperties.ARRIVED, page != null);
    if (page == null) {
      exchange.removeProperty(ExchangeProperties.READER);
    } else {
      batch.goTo(page.batch());
      exchange.getMessage().setBody(page.rows());
    }
  }

  /** Begins to ask for the pages after the one that has arrived, where the job reads lists. */
  public void begin(Exchange exchange, @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    if (jobs.get(batch.getJob()).isPass()
        && batch.getKind() != Batch.Kind.PROBE
        && batch.isMore()
        && exchange.getProperty(ExchangeProperties.READER) == null) {
      Reader reader = new Reader(template(exchange.getContext()), batch);
      exchange.setProperty(ExchangeProperties.READER, reader);
    }
  }
}
