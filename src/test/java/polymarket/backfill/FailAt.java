package polymarket.backfill;

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

/**
 * Throws behind a step of the routes, so many times; with {@code
 * camel.beans.fail=#class:polymarket.backfill.FailAt} among the settings.
 */
public final class FailAt implements InterceptStrategy, CamelContextAware {

  private static volatile String uri = "";
  private static final AtomicInteger LEFT = new AtomicInteger();
  private CamelContext context;

  /**
   * @param prefix of the endpoint's URI behind which it throws
   * @param times how often
   */
  public static void behind(String prefix, int times) {
    uri = prefix;
    LEFT.set(times);
  }

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
    String of =
        definition instanceof ToDefinition to
            ? to.getUri()
            : definition instanceof ToDynamicDefinition to ? to.getUri() : "";
    return new DelegateAsyncProcessor(target) {
      @Override
      public boolean process(Exchange exchange, AsyncCallback callback) {
        return super.process(
            exchange,
            doneSync -> {
              if (!exchange.isFailed()
                  && !of.isEmpty()
                  && of.startsWith(uri)
                  && LEFT.getAndDecrement() > 0) {
                exchange.setException(new IllegalArgumentException("thrown behind " + uri));
              }
              callback.done(doneSync);
            });
      }
    };
  }
}
