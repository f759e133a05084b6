package polymarket.backfill.run;

import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.camel.AsyncCallback;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.NamedNode;
import org.apache.camel.Processor;
import org.apache.camel.spi.InterceptStrategy;
import org.apache.camel.support.processor.DelegateAsyncProcessor;

/**
 * Lets an {@link Error} in a step of a route fail its exchange as an exception does. Camel would
 * log it and never end the exchange, so that its batch would be in flight for ever.
 */
final class ErrorsFail implements InterceptStrategy {

  @Override
  public Processor wrapProcessorInInterceptors(
      CamelContext context, NamedNode step, Processor target, Processor next) {
    return new DelegateAsyncProcessor(target) {
      @Override
      public boolean process(Exchange exchange, AsyncCallback callback) {
        AtomicBoolean done = new AtomicBoolean();
        AsyncCallback once =
            synchronously -> {
              if (done.compareAndSet(false, true)) {
                callback.done(synchronously);
              }
            };
        try {
          return super.process(exchange, once);
        } catch (Error e) {
          exchange.setException(new StepError(e));
          once.done(true);
          return true;
        }
      }
    };
  }

  /** An error of the JVM, such as one of memory, in a step. */
  static final class StepError extends Exception {

    StepError(Error error) {
      super(error.toString(), error);
    }
  }
}
