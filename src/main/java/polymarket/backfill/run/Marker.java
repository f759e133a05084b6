package polymarket.backfill.run;

import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import org.apache.camel.spi.IdempotentRepository;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.ImbalanceException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.source.Retry;

/**
 * The bean {@code ledger} of the job routes: gives the batches of a job, and is the idempotent
 * repository that marks them. Its keys are batches: a key is added when the batch's rows are
 * stored, and removed when the batch failed for good.
 */
public final class Marker implements IdempotentRepository {

  private final Map<String, Feed> feeds = new ConcurrentHashMap<>();
  private final Stop stop;

  public Marker(Stop stop) {
    this.stop = stop;
  }

  void add(String job, Feed feed) {
    feeds.put(job, feed);
  }

  /** The batches of a job, for its split. */
  public Iterator<BatchWork> batches(String job) {
    Feed feed = feeds.get(job);
    if (feed == null) {
      throw new IllegalStateException("job " + job + " is not part of this run");
    }
    return feed;
  }

  /** The ledger of a job; null where the job is not part of this run. */
  Ledger ledger(String job) {
    Feed feed = feeds.get(job);
    return feed == null ? null : feed.ledger();
  }

  /** Records that a page of several is stored: the next run continues after it. */
  public void page(Exchange exchange, @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    exchange.removeProperty(ExchangeProperties.FAILURES);
    Feed feed = feeds.get(batch.getJob());
    if (feed != null && batch.isMore()) {
      feed.page(batch);
    }
  }

  /** A batch is handed out once; only the empty one that ends a feed has nothing left to do. */
  @Override
  public boolean contains(Exchange exchange, String key) {
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    // from here on it is known whose thread it waits in
    batch.enter(null);
    return batch.getSize() == 0;
  }

  @Override
  public boolean contains(String key) {
    return false;
  }

  @Override
  public boolean add(Exchange exchange, String key) {
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    try {
      feeds.get(batch.getJob()).done(batch);
      return true;
    } catch (FencedException e) {
      feeds.get(batch.getJob()).fenced(batch);
      return false;
    } catch (ImbalanceException e) {
      stop.ask(ExitCode.NOT_BALANCED, e.getMessage());
    } catch (UserError e) {
      stop.ask(ExitCode.ERROR, e.getMessage());
    } catch (RuntimeException | Error e) {
      stop.ask(ExitCode.ERROR, "batch " + key + " could not be marked: " + e);
    }
    feeds.get(batch.getJob()).release(batch, java.util.List.of());
    return false;
  }

  @Override
  public boolean remove(Exchange exchange, String key) {
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    Throwable failure =
        exchange.getException() != null
            ? exchange.getException()
            : exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Throwable.class);
    Feed feed = feeds.get(batch.getJob());
    try {
      if (Retry.find(failure, FencedException.class) != null) {
        feed.fenced(batch);
      } else {
        feed.failed(batch, failure);
      }
      // the ledger knows of it; left on the exchange, it would end the job as if the job itself had
      // failed
      exchange.setException(null);
      exchange.setRouteStop(true);
      return true;
    } catch (RuntimeException | Error e) {
      stop.ask(
          ExitCode.ERROR,
          e instanceof UserError
              ? e.getMessage()
              : "batch " + key + " could not be put back: " + e);
      feeds.get(batch.getJob()).release(batch, java.util.List.of());
      return false;
    }
  }

  @Override
  public boolean add(String key) {
    throw new UnsupportedOperationException("a batch is marked with its exchange");
  }

  @Override
  public boolean remove(String key) {
    throw new UnsupportedOperationException("a batch is put back with its exchange");
  }

  @Override
  public boolean confirm(String key) {
    return true;
  }

  @Override
  public void clear() {
    throw new UnsupportedOperationException("use `backfill reset`");
  }

  /** The ledgers outlive the routes, which come and go when a file is edited. */
  @Override
  public void start() {}

  @Override
  public void stop() {}
}
